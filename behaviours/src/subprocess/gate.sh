# What a command is until it may run: a shell that waits for a line. Its parent first tells the guardian of it; should the
# parent die before the line is written, there is none, and nothing runs. `read` takes no byte beyond the line: what
# follows is the command's own input. What this program's own parent has left open is closed, as far as every shell can.
read -r proscenium_gate || exit 1
exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-
