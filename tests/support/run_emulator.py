"""Runs a Python module as a program until standard input closes.

    python run_emulator.py MODULE [ARGUMENT ...]

Whoever starts an emulator holds the other end of its standard input. When that process ends, in whatever
way, the system closes the pipe and the emulator ends too: it cannot be left behind.
"""
import os
import runpy
import sys
import threading


def end_with_input():
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


threading.Thread(target=end_with_input, daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
