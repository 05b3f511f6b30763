"""Methods that misbehave in every way a benchmark has to survive."""

import ctypes
import os
import subprocess
import sys
import time

import numpy as np
from sklearn.base import BaseEstimator


class Hostile(BaseEstimator):
    """What all of them share: an answer of the right shape, if they get so far."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None):
        self.components_ = np.eye(X.shape[1])
        self.misbehave(X)
        return self

    def transform(self, X):
        return np.maximum(X, 0)

    def misbehave(self, X):
        pass


class Raises(Hostile):
    def misbehave(self, X):
        raise KeyError("no such thing")


class Segfaults(Hostile):
    def misbehave(self, X):
        ctypes.string_at(0)


class SleepsWithGrandchildren(Hostile):
    """One grandchild ignores SIGTERM; one has left for a session of its own."""

    def misbehave(self, X):
        stubborn = (
            "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
            "print('grandchild', os.getpid(), flush=True); time.sleep(1000)"
        )
        subprocess.Popen([sys.executable, "-c", stubborn])
        subprocess.Popen([sys.executable, "-c", stubborn], start_new_session=True)
        time.sleep(1000)


class LeavesADaemon(Hostile):
    """Ends well, but leaves an orphan behind."""

    def misbehave(self, X):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                sys.stdout.write(f"grandchild {os.getpid()}\n")
                sys.stdout.flush()
                time.sleep(1000)
            os._exit(0)
        os.wait()
        time.sleep(0.2)


class AllocatesForever(Hostile):
    def misbehave(self, X):
        self.kept = []
        while True:
            self.kept.append(np.ones(4_000_000))
            time.sleep(0.005)


class ReturnsNaN(Hostile):
    def misbehave(self, X):
        self.components_[0, 0] = np.nan


class WrongDimension(Hostile):
    def misbehave(self, X):
        self.components_ = np.ones((3, X.shape[1] + 1))


class WrongCodes(Hostile):
    def transform(self, X):
        return np.ones((len(X), X.shape[1] + 2))


class AllZero(Hostile):
    def misbehave(self, X):
        self.components_ = np.zeros((4, X.shape[1]))


class FitsNothing(Hostile):
    def misbehave(self, X):
        del self.components_


class PrintsAGigabyte(Hostile):
    def misbehave(self, X):
        line = "x" * 9999 + "\n"
        for _ in range(100_000):
            sys.stdout.write(line)
        sys.stdout.write("the end\n")


class LeavesQuietly(Hostile):
    def misbehave(self, X):
        os._exit(0)


class KillsItsSupervisor(Hostile):
    def misbehave(self, X):
        os.kill(os.getppid(), 9)


class WritesIntoX(Hostile):
    def misbehave(self, X):
        X[0, 0] = 1.0


class NeedsAnArgument:
    def __init__(self, required):
        self.required = required

    def fit(self, X):
        return self
