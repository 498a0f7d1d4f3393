"""Tests of the agents: planner, writer, style inference, and the models behind them."""
