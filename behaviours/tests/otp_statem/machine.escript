#!/usr/bin/env escript
%%! -kernel logger_level none
%% What Erlang/OTP's own `gen_statem` does with each machine of a file.
%%
%% usage: escript machine.escript FILE [SLOWNESS]     (format: README.md beside this file)
%% Prints each machine's trace after a line `## NAME`. All run at the same time, SLOWNESS times slower than they say.
-mode(compile).
-export([callback_mode/0, init/1, handle_event/4, terminate/3]).

main([File]) -> main([File, "1"]);
main([File, Slowness]) ->
    %% Nobody shall wait for it for ever.
    {ok, _} = timer:apply_after(150000, erlang, halt, [3]),
    {ok, Bin} = file:read_file(File),
    Lines = [clauses(L) || L <- string:split(string:trim(binary_to_list(Bin)), "\n", all)],
    Plays = [{hd(tl(hd(M))), spawn_play(M, list_to_integer(Slowness))} || M <- machines(Lines)],
    [receive {trace, Pid, Trace} -> io:format("## ~s~n~s", [Name, [[L, $\n] || L <- Trace]]) end
     || {Name, Pid} <- Plays];
main(_) -> io:format(standard_error, "usage: machine.escript FILE [SLOWNESS]~n", []), halt(2).

%% A line is the list of its first clause's words, and of its actions.
clauses(Line) ->
    [First | Actions] = [string:split(C, " ", all) || C <- string:split(Line, " ; ", all)],
    First ++ [{actions, [action(A) || A <- Actions]}].

machines([["machine" | _] = Head | Lines]) ->
    {Own, Rest} = lists:splitwith(fun(L) -> hd(L) =/= "machine" end, Lines),
    [[Head | Own] | machines(Rest)];
machines([]) -> [].

action(["postpone"]) -> postpone;
action(["insert", Kind, C]) -> {insert, kind(Kind), int(C)};
action(["reply", V]) -> {reply, int(V)};
action(["reply_saved", V]) -> {reply_saved, int(V)};
action(["start", T, Ms, C]) -> {start, timer(T), int(Ms), int(C)};
action(["start_at", T, Ms, C]) -> {start_at, timer(T), int(Ms), int(C)};
action(["cancel", T]) -> {timer(T), cancel};
action(["update", T, C]) -> {timer(T), update, int(C)}.

kind("cast") -> cast;
kind("internal") -> internal;
kind(T) -> timer(T).

timer("state") -> state_timeout;
timer("event") -> timeout;
timer(Name) -> {timeout, Name}.

int(S) -> list_to_integer(S).

%% ---- one machine: this process sends, is answered, and writes down what it hears, in the order in which it was sent ----

spawn_play(Machine, Slowness) ->
    Main = self(),
    spawn_link(fun() -> Main ! {trace, self(), play(Machine, Slowness)} end).

play([["machine", _Name, Fuel, Until, _] | Lines], Slowness) ->
    [{Start, Init}] = [{S, A} || ["init", S, {actions, A}] <- Lines],
    Rules = maps:groups_from_list(
        fun({K, _}) -> K end, fun({_, R}) -> R end,
        [{{S, K, int(C)}, {Change, A}} || ["on", S, K, C | Rest] <- Lines, {Change, A} <- [rule(Rest)]] ++
        [{{enter, S}, {Change, A}} || ["enter", S | Rest] <- Lines, {Change, A} <- [rule(Rest)]]),
    Commands = [{int(Ms) * Slowness, K, int(C)} || ["at", Ms, K, C, _] <- Lines],
    Enters = [true || ["enter" | _] <- Lines] =/= [],
    Data = #{note => self(), rules => Rules, fuel => int(Fuel), saved => [], slowness => Slowness},
    {ok, Pid} = gen_statem:start(?MODULE, {Enters, Start, Init, Data}, []),
    Born = receive {born, Time} -> Time end,
    Monitor = monitor(process, Pid),
    {_, Trace} = lists:foldl(
        fun({At, Kind, Content}, {Number, T}) ->
            T1 = listen(Born + At, Monitor, T),
            case Kind of
                "cast" -> gen_statem:cast(Pid, Content);
                "call" -> Pid ! {'$gen_call', {self(), {call, Number}}, Content}
            end,
            {Number + 1, T1}
        end, {0, []}, Commands),
    Heard = listen(Born + int(Until) * Slowness, Monitor, Trace),
    Last = case is_process_alive(Pid) of
               true -> exit(Pid, kill), ["alive" | Heard];
               false -> Heard
           end,
    lists:reverse(Last).

rule(Words) ->
    {Change, [{actions, A}]} = lists:split(length(Words) - 1, Words),
    {Change, A}.

listen(Deadline, Monitor, Trace) ->
    Wait = max(0, Deadline - erlang:monotonic_time(millisecond)),
    receive
        {note, Line} -> listen(Deadline, Monitor, [Line | Trace]);
        {{call, Number}, Value} ->
            listen(Deadline, Monitor, [io_lib:format("reply ~b ~b", [Number, Value]) | Trace])
    after Wait -> Trace
    end.

%% ---- the callbacks ----

%% Asked in the new process, once init has returned.
callback_mode() ->
    case get(enters) of
        true -> [handle_event_function, state_enter];
        false -> handle_event_function
    end.

init({Enters, Start, Init, #{note := Note} = Data0}) ->
    put(enters, Enters),
    Born = erlang:monotonic_time(millisecond),
    Note ! {born, Born},
    Data = Data0#{born => Born},
    {ok, Start, Data, timeouts(Init, Data)}.

handle_event(enter, Old, State, Data) ->
    note(Data, "enter ~s ~s", [Old, State]),
    {Rule, Data1} = burn({enter, State}, Data),
    case Rule of
        none -> {keep_state, Data1};
        {["keep"], Actions} -> {keep_state, Data1, timeouts(Actions, Data)};
        {["repeat"], Actions} -> {repeat_state, Data1, timeouts(Actions, Data)}
    end;
handle_event(Type, Content, State, Data) ->
    {Kind, From} = describe(Type),
    note(Data, "~s ~p in ~s", [Kind, Content, State]),
    {Rule, Data1} = burn({State, Kind, Content}, Data),
    case Rule of
        none -> {keep_state, save(From, Data1)};
        {Change, Actions} -> obey(Change, Actions, From, Data1)
    end.

terminate(Reason, State, Data) ->
    note(Data, "terminate ~p in ~s", [Reason, State]).

describe({call, From}) -> {"call", From};
describe(state_timeout) -> {"state", none};
describe(timeout) -> {"event", none};
describe({timeout, Name}) -> {Name, none};
describe(Type) -> {atom_to_list(Type), none}.

note(#{note := To}, Format, Args) -> To ! {note, io_lib:format(Format, Args)}.

burn(Key, #{fuel := Fuel, rules := Rules} = Data) ->
    Rule = case Rules of
               #{Key := Of} when Fuel > 0 -> lists:nth(Fuel rem length(Of) + 1, Of);
               _ -> none
           end,
    {Rule, Data#{fuel := max(0, Fuel - 1)}}.

save(none, Data) -> Data;
save(From, #{saved := Saved} = Data) -> Data#{saved := Saved ++ [From]}.

%% A call is postponed, answered, or saved.
obey(Change, Actions, From0, Data0) ->
    {From, Acts} = case lists:member(postpone, Actions) of
                       true -> {none, [postpone]};
                       false -> {From0, []}
                   end,
    {Left, Data1, RepliesR} = lists:foldl(fun reply/2, {From, Data0, []}, Actions),
    Data = save(Left, Data1),
    Replies = lists:reverse(RepliesR),
    All = Acts ++ Replies ++ [{next_event, Type, C} || {insert, Type, C} <- Actions] ++ timeouts(Actions, Data),
    case Change of
        ["keep"] -> {keep_state, Data, All};
        ["repeat"] -> {repeat_state, Data, All};
        ["next", State] -> {next_state, State, Data, All};
        ["stop", Reason] -> {stop_and_reply, list_to_atom(Reason), Replies, Data}
    end.

reply({reply, V}, {From, Data, Replies}) when From =/= none -> {none, Data, [{reply, From, V} | Replies]};
reply({reply_saved, V}, {From, #{saved := [First | Saved]} = Data, Replies}) ->
    {From, Data#{saved := Saved}, [{reply, First, V} | Replies]};
reply(_, Acc) -> Acc.

timeouts(Actions, #{born := Born, slowness := Slowness}) ->
    lists:flatmap(
        fun({start, T, Ms, C}) -> [{T, Ms * Slowness, C}];
           ({start_at, T, Ms, C}) -> [{T, Born + Ms * Slowness, C, {abs, true}}];
           ({_, cancel} = A) -> [A];
           ({_, update, _} = A) -> [A];
           (_) -> []
        end, Actions).
