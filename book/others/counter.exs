defmodule Counter do
  use GenServer

  def start_link(start), do: GenServer.start_link(__MODULE__, start, name: __MODULE__)
  def add(n), do: GenServer.cast(__MODULE__, {:add, n})
  def total, do: GenServer.call(__MODULE__, :total)

  @impl true
  def init(start), do: {:ok, start}

  @impl true
  def handle_call(:total, _from, total), do: {:reply, total, total}

  @impl true
  def handle_cast({:add, n}, total), do: {:noreply, total + n}
end

{:ok, _} = Supervisor.start_link([{Counter, 0}], strategy: :one_for_one, max_restarts: 1, max_seconds: 5)
Counter.add(2)
IO.puts(Counter.total())
monitor = Process.monitor(Counter)
Counter.add(:too_much)

receive do
  {:DOWN, ^monitor, :process, _, {:badarith, _}} -> IO.puts("badarith")
end

Process.sleep(100)
IO.puts(Counter.total())
