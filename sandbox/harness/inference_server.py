"""A stand-in for the package `kaggle_evaluation`, so that inference servers that were written for it run unchanged.

Each competition of Kaggle has a module of its own in it, such as `kaggle_evaluation.default_inference_server`, with a
class such as `DefaultInferenceServer` that is given the participant's functions. Here every module exists, and has every
class of that ending. Where the real one waits for requests of a gateway, this one answers the runner.
"""

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from protocol import Refused

NAME = "kaggle_evaluation"
CLASS_ENDING = "InferenceServer"


class Offer:
    """How the servers that the code makes are answered."""

    def __init__(self, serve):
        self.serve = serve
        self.happened = False
        # What was wrong, if something was.
        self.refused = None


_offer = None


def offer(serve):
    """Has the stand-in found by imports; a server's functions are given to `serve`."""
    global _offer
    _offer = Offer(serve)
    sys.meta_path.append(_Finder())
    return _offer


class InferenceServer:
    """Waits for requests until there are no more, and then ends the program, as nothing behind it runs on Kaggle."""

    def __init__(self, *endpoint_listeners):
        # Older servers are given one tuple.
        if len(endpoint_listeners) == 1 and isinstance(endpoint_listeners[0], (list, tuple)):
            endpoint_listeners = endpoint_listeners[0]
        self._functions = list(endpoint_listeners)

    def serve(self):
        try:
            _offer.serve(self._functions)
        except Refused as refused:
            _offer.refused = refused
            raise
        _offer.happened = True
        raise SystemExit(0)

    def run_local_gateway(self, *_args, **_keywords):
        """On the participant's own machine this reads files; here requests come from outside all the same."""
        self.serve()


class _Module(ModuleType):
    """A package below which every server's module is found, and in which every server's class is."""

    def __getattr__(self, name):
        if name.endswith(CLASS_ENDING):
            return InferenceServer
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


class _Finder(MetaPathFinder, Loader):
    def find_spec(self, fullname, path=None, target=None):
        package, _, module = fullname.partition(".")
        if package == NAME:
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec):
        return _Module(spec.name)

    def exec_module(self, module):
        pass
