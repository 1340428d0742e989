"""What a node's code must not call, why, and what to use instead: the guard's tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Allowed = Callable[[tuple[Any, ...], Mapping[str, Any]], bool]


@dataclass(frozen=True, kw_only=True)
class Forbidden:
    """A function of a module, or a method of one of its classes."""

    module: str
    owner: str = ""
    """The class, where it is a method."""
    name: str
    call: str
    """How its caller knows it."""
    why: str
    instead: str
    allowed: Allowed | None = None
    """Whether a call with these arguments says the same in every run."""
    needs: str = ""
    """A package: guarded only where somebody has imported it."""


def _given(place: int, name: str) -> Allowed:
    """An argument is there and not None."""

    def allowed(arguments: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
        return (arguments[place] if len(arguments) > place else named.get(name)) is not None

    return allowed


_CLOCK = ("reads the real clock", "self.clock.monotonic_ns() or self.clock.wall_ns()")
_LUCK = ("draws luck that no seed decides", "self.random")
_SHARED_LUCK = ("is shared by the whole process", "self.random")
_TASK = ("starts what the scheduler does not order", "self.set_timer, or another node and self.send")
_END = ("ends the process, with every node in it", "self.halt()")
_NET = ("reaches outside the simulation", "self.send")


def _functions(
    module: str,
    names: str,
    reason: tuple[str, str],
    allowed: Allowed | None = None,
    *,
    shown: str = "",
    needs: str = "",
) -> list[Forbidden]:
    why, instead = reason
    return [
        Forbidden(
            module=module,
            name=name,
            call=shown or f"{module}.{name}",
            why=why,
            instead=instead,
            allowed=allowed,
            needs=needs,
        )
        for name in names.split()
    ]


def _methods(module: str, owner: str, name: str, shown: str, reason: tuple[str, str]) -> Forbidden:
    why, instead = reason
    return Forbidden(module=module, owner=owner, name=name, call=shown, why=why, instead=instead)


FUNCTIONS: tuple[Forbidden, ...] = (
    *_functions(
        "time",
        "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns thread_time "
        "thread_time_ns clock_gettime clock_gettime_ns",
        _CLOCK,
    ),
    *_functions("time", "localtime gmtime ctime", _CLOCK, _given(0, "seconds")),
    *_functions("time", "asctime", _CLOCK, _given(0, "t")),
    *_functions("time", "strftime", _CLOCK, _given(1, "t")),
    *_functions("time", "sleep", ("waits in real time", "self.set_timer")),
    *_functions("asyncio", "run new_event_loop", _TASK, needs="asyncio"),
    *_functions(
        "socket",
        "create_connection create_server getaddrinfo gethostbyname gethostbyname_ex gethostbyaddr getfqdn",
        _NET,
    ),
    *_functions(
        "random",
        "random uniform triangular randint choice choices randrange sample shuffle normalvariate lognormvariate "
        "expovariate vonmisesvariate gammavariate gauss betavariate binomialvariate paretovariate weibullvariate "
        "getrandbits randbytes seed getstate setstate",
        _SHARED_LUCK,
    ),
    *_functions(
        "numpy.random",
        "beta binomial bytes chisquare choice dirichlet exponential f gamma geometric get_state gumbel hypergeometric "
        "laplace logistic lognormal logseries multinomial multivariate_normal negative_binomial noncentral_chisquare "
        "noncentral_f normal pareto permutation poisson power rand randint randn random random_integers random_sample "
        "ranf rayleigh sample seed set_state shuffle standard_cauchy standard_exponential standard_gamma "
        "standard_normal standard_t triangular uniform vonmises wald weibull zipf",
        _SHARED_LUCK,
        needs="numpy",
    ),
    *_functions("random", "_urandom", _LUCK, shown="os.urandom"),
    *_functions("os", "urandom getrandom", _LUCK),
    *_functions("secrets", "token_bytes token_hex token_urlsafe randbelow randbits choice", _LUCK),
    *_functions("uuid", "uuid1 uuid4", (_LUCK[0], "uuid.UUID(int=self.random.getrandbits(128))")),
    *_functions("_thread", "start_new_thread start_new", _TASK),
    *_functions("os", "fork forkpty posix_spawn posix_spawnp system popen", _TASK),
    *_functions("os", "_exit abort kill killpg execv execve", _END),
    *_functions("signal", "raise_signal pthread_kill alarm setitimer", _END),
    *_functions("_thread", "interrupt_main", _END),
)
METHODS: tuple[Forbidden, ...] = (
    Forbidden(
        module="random",
        owner="Random",
        name="seed",
        call="random.Random() without a seed",
        why=_LUCK[0],
        instead=_LUCK[1],
        allowed=_given(0, "a"),
    ),
    _methods("threading", "Thread", "start", "threading.Thread.start", _TASK),
    _methods("multiprocessing.process", "BaseProcess", "start", "multiprocessing.Process.start", _TASK),
    _methods("subprocess", "Popen", "__init__", "subprocess.Popen", _TASK),
    _methods("socket", "socket", "__init__", "socket.socket", _NET),
)
CLASS_METHODS: tuple[Forbidden, ...] = (
    _methods("datetime", "datetime", "now", "datetime.now", _CLOCK),
    _methods("datetime", "datetime", "utcnow", "datetime.utcnow", _CLOCK),
    _methods("datetime", "date", "today", "date.today", _CLOCK),
)
