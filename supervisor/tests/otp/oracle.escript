#!/usr/bin/env escript
%%! -kernel logger_level none +S 1:1
%% What Erlang/OTP's own `supervisor` does with a scenario.
%%
%% usage: escript oracle.escript SCENARIO...     (format: README.md beside this file)
%% Prints the trace on standard output. With several files, each trace follows a line `## FILE`.
-mode(compile).
-export([sup_start/1, pool_start/1, child_start/1, init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

main([File]) -> run(File);
main(Files) when Files =/= [] ->
    lists:foreach(fun(F) -> io:format("## ~s~n", [F]), run(F) end, Files);
main([]) -> io:format(standard_error, "usage: oracle.escript SCENARIO...~n", []), halt(2).

run(File) ->
    {ok, Bin} = file:read_file(File),
    Lines = [string:lexemes(L, " \t") || L0 <- string:split(binary_to_list(Bin), "\n", all),
                                         L <- [hd(string:split(L0, "#"))], string:trim(L) =/= ""],
    {Decls, ["run"], Commands} = split(Lines),
    Director = spawn_opt(fun() -> director(#{}) end, [{min_heap_size, 4000000}]),
    have_room(1000000),
    register(director, Director),
    tell({specs, decls(Decls)}),
    [Root | _] = [Id || ["sup", Id | _] <- Decls],
    process_flag(trap_exit, true),
    put(root, Root),
    step(["start", Root]),
    lists:foreach(fun step/1, Commands),
    case whereis_id(Root) of
        undefined -> ok;
        _ -> step(["stop"])
    end,
    unregister(director),
    exit(Director, kill),
    flush().

%% Who collects garbage gives its turn away. Who has room never does: so processes run in an order that is theirs alone.
have_room(Words) -> process_flag(min_heap_size, Words), erlang:garbage_collect().

split(Lines) ->
    {D, [Run | C]} = lists:splitwith(fun(L) -> L =/= ["run"] end, Lines),
    {D, Run, C}.

flush() -> receive _ -> flush() after 0 -> ok end.

%% ---- declarations ---------------------------------------------------------------------------

decls(Lines) ->
    lists:foldl(fun(["sup", Id | KV], M) -> add(sup, Id, "", KV, M);
                   (["sup_in", Parent, Id | KV], M) -> add(sup, Id, Parent, KV, M);
                   (["pool", Parent, Id | KV], M) -> add(pool, Id, Parent, KV, M);
                   (["child", Parent, Id | KV], M) -> add(child, Id, Parent, KV, M)
                end, #{order => []}, Lines).

add(Kind, Id, Parent, KV, M) ->
    #{order := O} = M,
    M#{Id => (options(KV))#{kind => Kind, parent => Parent}, order := O ++ [Id]}.

options(KV) ->
    maps:from_list([begin [K, V] = string:split(S, "="), {list_to_atom(K), V} end || S <- KV]).

child_spec(Id, Opts) ->
    Kind = maps:get(kind, Opts, child),
    Shutdown = case maps:get(shutdown, Opts, "default") of
                   "default" when Kind =/= child -> infinity;
                   Given -> shutdown(Given)
               end,
    #{id => Id, restart => list_to_atom(maps:get(restart, Opts, "permanent")), shutdown => Shutdown,
      significant => maps:get(significant, Opts, "false") =:= "true",
      type => case Kind of child -> worker; _ -> supervisor end, modules => dynamic,
      start => case Kind of
                   sup -> {?MODULE, sup_start, [Id]};
                   pool -> {?MODULE, pool_start, [Id]};
                   child -> {?MODULE, child_start, [Id]}
               end}.

%% What all children of a pool have in common; the id comes with the request.
template(Opts) ->
    #{id => each, restart => list_to_atom(maps:get(each_restart, Opts, "permanent")),
      shutdown => shutdown(maps:get(each_shutdown, Opts, "default")), start => {?MODULE, child_start, []}}.

shutdown("default") -> 5000;
shutdown("brutal_kill") -> brutal_kill;
shutdown("infinity") -> infinity;
shutdown(Ms) -> list_to_integer(Ms).

%% ---- commands -------------------------------------------------------------------------------

step(Cmd) ->
    io:format("> ~s~n", [lists:join(" ", Cmd)]),
    Result = command(Cmd),
    settle(),
    [io:format("~s~n", [E]) || E <- events(Cmd)],
    case lists:sort(ask(take_gone)) of
        [] -> ok;
        Gone -> io:format("gone ~s~n", [lists:join(" ", Gone)])
    end,
    case Result of none -> ok; R -> io:format("= ~s~n", [R]) end.

%% Children of a pool stop in no order, and beside whoever stops at the same time: whom a killed supervisor leaves behind does.
events(Cmd) ->
    Events = [lists:flatten(E) || E <- ask(take_events)],
    case leaves_pools(Cmd) of
        true ->
            {Stops, Starts} = lists:partition(fun(E) -> lists:prefix("stop ", E) end, Events),
            lists:sort(Stops) ++ Starts;
        false -> sort_runs(Events)
    end.

leaves_pools(["kill", Id]) -> ask({leaves_pools, Id});
leaves_pools(_) -> false.

%% Children of a pool that stop together do so in no order.
sort_runs(Events) -> sort_runs(Events, "", []).
sort_runs([], _, Run) -> lists:sort(Run);
sort_runs([E | Rest], Pool, Run) ->
    case pool_of(E) of
        "" -> lists:sort(Run) ++ [E | sort_runs(Rest, "", [])];
        Pool -> sort_runs(Rest, Pool, [E | Run]);
        Other -> lists:sort(Run) ++ sort_runs(Rest, Other, [E])
    end.

%% The pool of whom that event is the stop, if any.
pool_of("stop " ++ Rest) -> ask({pool_of, hd(string:lexemes(Rest, " "))});
pool_of(_) -> "".

command(["start", Root]) ->
    case catch sup_start(Root) of
        {ok, _} -> "ok";
        {error, R} -> "error:" ++ reason(R)
    end;
command(["stop"]) ->
    Pid = whereis_id(get(root)),
    exit(Pid, shutdown),
    receive {'EXIT', Pid, R} -> "stopped:" ++ reason(R) end;
command(["crash", Id]) -> to(Id, {exit, boom});
command(["exit", Id, R]) -> to(Id, {exit, to_reason(R)});
command(["kill", Id]) -> alive(Id, fun(P) -> exit(P, kill), gone(P) end);
command(["next_start", Id | Outcomes]) -> tell({outcomes, Id, Outcomes}), none;
command(["on_stop", Id, How]) -> tell({on_stop, Id, How}), none;
command(["sleep", Ms]) -> timer:sleep(list_to_integer(Ms)), none;
command(["align"]) ->
    Ms = erlang:monotonic_time(millisecond),
    timer:sleep(1000 - ((Ms rem 1000 + 1000) rem 1000) + 2), none;
command(["stop", Sup, R]) -> alive(Sup, fun(P) -> proc_lib:stop(P, to_reason(R), infinity), gone(P) end);
command(["suspend", Sup]) -> alive(Sup, fun(P) -> sys:suspend(P), tell({suspended, Sup, true}) end);
command(["resume", Sup]) -> alive(Sup, fun(P) -> tell({suspended, Sup, false}), sys:resume(P) end);
command(["terminate_child", Sup, Id]) ->
    api(Sup, fun(P) ->
        case child_ref(Sup, Id) of
            undefined -> {error, never_started};
            Child -> supervisor:terminate_child(P, Child)
        end
    end);
command(["restart_child", Sup, Id]) -> api(Sup, fun(P) -> supervisor:restart_child(P, Id) end);
command(["delete_child", Sup, Id]) -> api(Sup, fun(P) -> supervisor:delete_child(P, Id) end);
command(["start_child", Sup, Id | KV]) ->
    Opts = (options(KV))#{kind => child, parent => Sup},
    Spec = case ask({is_pool, Sup}) of true -> [Id]; false -> child_spec(Id, Opts) end,
    [ask({in_pool, Id, Sup}) || is_list(Spec)],
    api(Sup, fun(P) -> supervisor:start_child(P, Spec) end);
command(["which", Sup]) ->
    api(Sup, fun(P) -> {which, which(ask({is_pool, Sup}), supervisor:which_children(P))} end);
command(["which_child", Sup, Id]) ->
    api(Sup, fun(P) ->
        case lists:keyfind(Id, 1, supervisor:which_children(P)) of
            {Id, C, _, _} -> {which, [state(C)]};
            false -> {error, not_found}
        end
    end);
command(["spec", Sup, Id]) ->
    api(Sup, fun(P) ->
        case supervisor:get_childspec(P, Id) of
            {ok, #{restart := R, shutdown := S, significant := G, type := T}} ->
                {which, [io_lib:format("~s=~0p", [K, V])
                         || {K, V} <- [{restart, R}, {shutdown, S}, {significant, G}, {type, T}]]};
            Error -> Error
        end
    end);
command(["count", Sup]) ->
    api(Sup, fun(P) ->
        C = supervisor:count_children(P),
        {which, [io_lib:format("~s=~b", [K, proplists:get_value(K, C)])
                 || K <- [specs, active, supervisors, workers]]}
    end).

%% Children of a pool are listed in no order, and those that are restarted are nobody.
which(false, Children) -> [[Id, ":", state(C)] || {Id, C, _, _} <- Children];
which(true, Children) ->
    lists:sort([case C of restarting -> "?:restarting"; _ -> ask({id, C}) ++ ":up" end || {_, C, _, _} <- Children]).

%% A child of a pool is known by the last pid that it had.
child_ref(Sup, Id) ->
    case ask({is_pool, Sup}) of true -> ask({last_pid, Id}); false -> Id end.

state(undefined) -> "down";
state(restarting) -> "restarting";
state(P) when is_pid(P) -> "up".

to(Id, Msg) -> alive(Id, fun(P) -> gen_server:cast(P, Msg), gone(P) end).

%% The command is over when the process has ended and its supervisor has been told.
gone(P) ->
    M = monitor(process, P),
    receive {'DOWN', M, process, P, _} -> ok end.

alive(Id, Fun) ->
    case whereis_id(Id) of
        undefined -> "not_running";
        P -> Fun(P), none
    end.

api(Sup, Fun) ->
    case whereis_id(Sup) of
        undefined -> "not_running";
        P -> try answer(Fun(P)) catch exit:{R, _} -> "exit:" ++ reason(R) end
    end.

answer(ok) -> "ok";
answer({ok, P}) when is_pid(P) -> "ok";
answer({ok, undefined}) -> "ok:ignored";
answer({which, L}) -> lists:join(" ", L);
answer({error, R}) -> "error:" ++ reason(R).

to_reason("normal") -> normal;
to_reason("shutdown") -> shutdown;
to_reason("shutdown:" ++ X) -> {shutdown, list_to_atom(X)};
to_reason(X) -> list_to_atom(X).

reason(R) when is_atom(R) -> atom_to_list(R);
reason({shutdown, {failed_to_start_child, Id, R}}) -> "shutdown(failed_to_start_child(" ++ Id ++ "," ++ reason(R) ++ "))";
reason({shutdown, X}) when is_atom(X) -> "shutdown:" ++ atom_to_list(X);
reason({already_started, P}) when is_pid(P) -> "already_started";
reason({bad_combination, _}) -> "bad_combination";
reason({start_spec, {bad_combination, _}}) -> "bad_combination";
reason({R, Child}) when element(1, Child) =:= child -> reason(R);
reason({{R, _Call}, _Child}) -> reason(R);
reason({R, Stack}) when is_list(Stack) -> reason(R);
reason(R) -> lists:flatten(io_lib:format("~0p", [R])).

%% Quiet = every supervisor that is not suspended has answered, and three looks in a row saw nothing new.
settle() -> settle(3, ask(counter)).
settle(0, _) -> ok;
settle(N, Seen) ->
    [catch supervisor:count_children(P) || P <- ask(supervisors)],
    timer:sleep(4),
    case ask(counter) of
        Seen -> settle(N - 1, Seen);
        More -> settle(3, More)
    end.

%% ---- director: what each start and stop shall do, and what was seen ---------------------------

tell(M) -> director ! M, ok.
ask(Q) ->
    Ref = make_ref(),
    director ! {ask, self(), Ref, Q},
    receive {Ref, A} -> A end.

whereis_id(Id) -> ask({whereis, Id}).

director(S0) ->
    S = maps:merge(#{specs => #{order => []}, outcomes => #{}, on_stop => #{}, suspended => #{}, pids => #{},
                     ids => #{}, last => #{}, pools => #{}, events => [], gone => [], counter => 0}, S0),
    receive
        {specs, Specs} -> director(S#{specs := Specs});
        {outcomes, Id, L} -> #{outcomes := O} = S, director(S#{outcomes := O#{Id => L}});
        {on_stop, Id, How} -> #{on_stop := O} = S, director(S#{on_stop := O#{Id => How}});
        {suspended, Id, B} -> #{suspended := M} = S, director(S#{suspended := M#{Id => B}});
        {event, E} -> director(seen(S#{events := [E | maps:get(events, S)]}));
        {'DOWN', _, process, P, R} ->
            #{ids := Ids, pids := Pids, gone := G} = S,
            Id = maps:get(P, Ids),
            Left = case Pids of #{Id := P} -> maps:remove(Id, Pids); _ -> Pids end,
            director(seen(S#{pids := Left, ids := maps:remove(P, Ids), gone := [Id ++ ":" ++ reason(R) | G]}));
        {ask, From, Ref, Q} ->
            {A, S1} = answer(Q, From, S),
            From ! {Ref, A},
            director(S1)
    end.

seen(S = #{counter := C}) -> S#{counter := C + 1}.

answer({started, Id}, From, S = #{pids := P, ids := I, last := L, on_stop := Stop}) ->
    monitor(process, From),
    {maps:get(Id, Stop, "clean"), S#{pids := P#{Id => From}, ids := I#{From => Id}, last := L#{Id => From}}};
answer({outcome, Id}, _, S = #{outcomes := O, specs := Specs}) ->
    Opts = maps:get(Id, Specs, #{}),
    case maps:get(Id, O, first(Opts)) of
        [X | Rest] -> {X, S#{outcomes := O#{Id => Rest}}};
        [] -> {"ok", S}
    end;
answer({children, Id}, _, S = #{specs := #{order := Order} = Specs}) ->
    {{maps:get(Id, Specs), [child_spec(C, maps:get(C, Specs)) || C <- Order, maps:get(parent, maps:get(C, Specs)) =:= Id]}, S};
answer({whereis, Id}, _, S = #{pids := P}) -> {maps:get(Id, P, undefined), S};
answer({id, Pid}, _, S = #{ids := I}) -> {maps:get(Pid, I), S};
answer({last_pid, Id}, _, S = #{last := L}) -> {maps:get(Id, L, undefined), S};
answer({in_pool, Id, Pool}, _, S = #{pools := P}) -> {ok, S#{pools := P#{Id => Pool}}};
answer({pool_of, Id}, _, S = #{pools := P}) -> {maps:get(Id, P, ""), S};
answer({is_pool, Id}, _, S = #{specs := Specs}) ->
    {case Specs of #{Id := #{kind := pool}} -> true; _ -> false end, S};
answer({leaves_pools, Id}, _, S = #{specs := Specs}) ->
    {is_supervisor(Id, S) andalso [pool || #{kind := pool} <- maps:values(Specs)] =/= [], S};
answer(supervisors, _, S = #{pids := P, suspended := M}) ->
    {[Pid || {Id, Pid} <- lists:sort(maps:to_list(P)), is_supervisor(Id, S), not maps:get(Id, M, false)], S};
answer(take_events, _, S = #{events := E}) -> {lists:reverse(E), S#{events := []}};
answer(take_gone, _, S = #{gone := G}) -> {G, S#{gone := []}};
answer(counter, _, S = #{counter := C}) -> {C, S}.

is_supervisor(Id, #{specs := Specs}) ->
    case Specs of #{Id := #{kind := Kind}} -> Kind =/= child; _ -> false end.

first(Opts) ->
    case maps:get(start, Opts, "") of "" -> []; L -> string:lexemes(L, ",") end.

%% ---- the processes under test ----------------------------------------------------------------

sup_start(Id) -> supervisor:start_link(?MODULE, {sup, Id}).
pool_start(Id) -> supervisor:start_link(?MODULE, {pool, Id}).
child_start(Id) -> gen_server:start_link(?MODULE, {child, Id}, []).

init({sup, Id}) ->
    {Opts, Children} = ask({children, Id}),
    ask({started, Id}),
    have_room(20000),
    tell({event, "start " ++ Id}),
    {ok, {#{strategy => list_to_atom(maps:get(strategy, Opts, "one_for_one")),
            intensity => list_to_integer(maps:get(intensity, Opts, "1")),
            period => list_to_integer(maps:get(period, Opts, "3600")),
            auto_shutdown => list_to_atom(maps:get(auto_shutdown, Opts, "never"))}, Children}};
init({pool, Id}) ->
    {Opts, []} = ask({children, Id}),
    ask({started, Id}),
    have_room(20000),
    tell({event, "start " ++ Id}),
    {ok, {#{strategy => simple_one_for_one,
            intensity => list_to_integer(maps:get(intensity, Opts, "1")),
            period => list_to_integer(maps:get(period, Opts, "3600"))}, [template(Opts)]}};
init({child, Id}) ->
    process_flag(trap_exit, true),
    case ask({outcome, Id}) of
        "ok" ->
            How = ask({started, Id}),
            have_room(20000),
            tell({event, "start " ++ Id}),
            {ok, {Id, How}};
        "error" -> tell({event, "start " ++ Id ++ " error"}), {stop, boom};
        "ignore" -> tell({event, "start " ++ Id ++ " ignore"}), ignore
    end.

handle_call(_, _, S) -> {reply, ok, S}.
handle_cast({exit, R}, {Id, _}) -> {stop, R, {Id, "clean"}}.  % `on_stop` is about being told to stop
handle_info({'EXIT', _, _}, S) -> {noreply, S};
handle_info(_, S) -> {noreply, S}.

terminate(R, {Id, How}) ->
    tell({event, "stop " ++ Id ++ " " ++ reason(R)}),
    case {How, R} of
        {"slow:" ++ Ms, shutdown} -> timer:sleep(list_to_integer(Ms));
        {"stubborn", shutdown} -> timer:sleep(infinity);
        {"crash", shutdown} -> exit(broken);
        {"normal", shutdown} -> exit(normal);
        _ -> ok
    end.
