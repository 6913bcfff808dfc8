"""The machine, in the order data moves: intake, dispatcher, runner, gate, perform, delivery."""
