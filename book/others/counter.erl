-module(counter).
-behaviour(gen_server).
-export([main/0, start_link/1, add/1, total/0]).
-export([init/1, handle_call/3, handle_cast/2]).

start_link(Start) -> gen_server:start_link({local, ?MODULE}, ?MODULE, Start, []).
add(N) -> gen_server:cast(?MODULE, {add, N}).
total() -> gen_server:call(?MODULE, total).

init(Start) -> {ok, Start}.

handle_call(total, _From, Total) -> {reply, Total, Total}.

handle_cast({add, N}, Total) -> {noreply, Total + N}.

main() ->
    {ok, _} = counter_sup:start_link(),
    add(2),
    io:format("~p~n", [total()]),
    Monitor = monitor(process, ?MODULE),
    add(too_much),
    receive {'DOWN', Monitor, process, _, {badarith, _}} -> io:format("badarith~n") end,
    timer:sleep(100),
    io:format("~p~n", [total()]).
