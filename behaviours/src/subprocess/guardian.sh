# Ends the process groups that its parent leaves behind. It is told of them by its arguments and, later, by lines:
# `+ 12` for a new one, `- 12` for one that has ended. The end of the lines is the end of the parent, however it died.
trap '' HUP INT QUIT TERM
exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-
groups=" $* "
while read -r word group; do
    case "$word$groups" in
    +*) groups="$groups$group " ;;
    -*" $group "*) groups="${groups%%" $group "*} ${groups#*" $group "}" ;;
    esac
done

# Those of the given groups that were there to get a signal; a group that is gone must not be signalled later, when
# another may have its number.
signal() {
    reached=
    for group in $groups; do
        kill -s "$1" -- "-$group" && reached="$reached $group"
    done
    groups=$reached
}

signal TERM
tries=40
while [ -n "$groups" ] && [ "$tries" -gt 0 ]; do
    sleep 0.05
    signal 0
    tries=$((tries - 1))
done
signal KILL
