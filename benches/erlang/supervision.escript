#!/usr/bin/env escript
%% What supervision costs in Erlang/OTP: the work of the rows `restart` and `tree`, done by OTP's own `supervisor`.
%%
%% usage: escript supervision.escript restart|tree COUNT
%% Prints a line `FIGURE: NANOSECONDS` for each figure, of one restart or one process. `cargo bench --bench workloads` runs it
%% where `escript` is installed; ERL_FLAGS="+S 2:2" sets the number of schedulers.
-mode(compile).
-export([init/1, handle_call/3, handle_cast/2, log/2, start_leaf/0, start_branch/1, start_fragile/1]).

-define(BRANCH, 1000).

main(["restart", Count]) -> restart(list_to_integer(Count));
main(["tree", Count]) -> tree(list_to_integer(Count)).

%% ---- a server fails, that is reported to a handler that counts, and it is started anew -------------

restart(Count) ->
    Reports = counters:new(1, [write_concurrency]),
    ok = logger:remove_handler(default),
    ok = logger:add_handler(counts, ?MODULE, #{config => Reports}),
    Flags = #{strategy => one_for_one, intensity => 16#ffffffff, period => 5},
    Spec = #{id => fragile, start => {?MODULE, start_fragile, [self()]}},
    {ok, _} = supervisor:start_link(?MODULE, {Flags, [Spec]}),
    First = next(),
    Begin = now_nanos(),
    heal(Count, First),
    figure("", Begin, Count),
    true = counters:get(Reports, 1) > 0.

heal(0, _) -> ok;
heal(Count, Fragile) -> gen_server:cast(Fragile, fail), heal(Count - 1, next()).

next() -> receive {started, Pid} -> Pid end.

log(_Event, #{config := Reports}) -> counters:add(Reports, 1, 1).

start_fragile(Home) -> gen_server:start_link(?MODULE, {fragile, Home}, []).

%% ---- a tree: each starts when the one before is ready, and they stop in reverse ---------------------

tree(Count) ->
    process_flag(trap_exit, true),
    Begin = now_nanos(),
    {ok, Tree} = supervisor:start_link(?MODULE, {#{}, [branch(N) || N <- lists:seq(1, Count div ?BRANCH)]}),
    figure("start", Begin, Count),
    Stop = now_nanos(),
    exit(Tree, shutdown),
    receive {'EXIT', Tree, shutdown} -> ok end,
    figure("stop", Stop, Count).

branch(N) -> #{id => N, start => {?MODULE, start_branch, [?BRANCH]}, type => supervisor}.

start_branch(Count) ->
    Leaf = #{id => leaf, start => {?MODULE, start_leaf, []}},
    supervisor:start_link(?MODULE, {#{}, [Leaf#{id := N} || N <- lists:seq(1, Count)]}).

start_leaf() -> gen_server:start_link(?MODULE, leaf, []).

%% ---- what both have -----------------------------------------------------------------------------------

now_nanos() -> erlang:monotonic_time(nanosecond).

figure(Name, Begin, Count) -> io:format("~s: ~w~n", [Name, (now_nanos() - Begin) / Count]).

init({fragile, Home}) -> Home ! {started, self()}, {ok, fragile};
init(leaf) -> {ok, leaf};
init({Flags, Specs}) -> {ok, {Flags, Specs}}.

handle_call(_, _, State) -> {reply, ok, State}.

handle_cast(fail, fragile) -> error(as_told).
