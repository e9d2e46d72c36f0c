"""Receivers over gRPC: messages stay bytes until the format decodes them. The library decompresses
them, and itself refuses those over the limit, before and after."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc_status import rpc_status

from viewer.collector.access import is_authorized
from viewer.collector.door import MAX_BODY, Door
from viewer.collector.listen import STOP_S, bind
from viewer.collector.pipeline import RETRY_AFTER_S, Overloaded
from viewer.formats.base import Decoded, DecodeError
from viewer.formats.receiver import GrpcMethod, GrpcReceiver

_THREADS = 8
# Messages wait in memory for a thread, so that there must not be too many of them; a client waits
# by itself with more on one connection, and beyond the second bound it is told to come again.
_STREAMS_PER_CONNECTION, _CALLS = 16, 200
_Handler = Callable[[bytes, grpc.ServicerContext], bytes]


class GrpcServer:
    """A gRPC server for one receiver, on every loopback address (see `listen.bind`)."""

    def __init__(
        self, receiver: GrpcReceiver, door: Door, auth_token: str | None, host: str, port: int
    ) -> None:
        """Take the port; raises PortTaken or OSError."""
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"grpc-{port}")
        self._server = grpc.server(
            self._pool,
            handlers=[_Methods(receiver, door, auth_token)],
            maximum_concurrent_rpcs=_CALLS,
            options=(
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", MAX_BODY),
                ("grpc.max_concurrent_streams", _STREAMS_PER_CONNECTION),
            ),
        )
        # The library says of a taken port only that it failed, and logs it; so sockets of our own
        # find that out, and which addresses there are.
        trial = bind(host, port)
        addresses = [taken.getsockname()[:2] for taken in trial]
        for taken in trial:
            taken.close()
        for address, number in addresses:
            shown = f"[{address}]" if ":" in address else address
            try:
                self._server.add_insecure_port(f"{shown}:{number}")
            except RuntimeError as error:
                self._pool.shutdown()
                raise OSError(f"port {number} cannot be opened: {error}") from error
        self.port: int = addresses[0][1]
        self._started = False

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()
        self._started = True

    def begin_stop(self) -> None:
        """Take no new call; those under way go on, for STOP_S seconds at most."""
        self._stopped = self._server.stop(STOP_S if self._started else None)

    def finish_stop(self) -> None:
        """Wait for them."""
        self._stopped.wait(STOP_S + 1)
        self._pool.shutdown()


class _Methods(grpc.GenericRpcHandler):
    """Finds a method by its full name; the library answers UNIMPLEMENTED for all others."""

    def __init__(self, receiver: GrpcReceiver, door: Door, auth_token: str | None) -> None:
        self._handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            name: grpc.unary_unary_rpc_method_handler(_handler(method, door, auth_token))
            for name, method in receiver.methods.items()
        }

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        return self._handlers.get(handler_call_details.method)


def _handler(method: GrpcMethod, door: Door, auth_token: str | None) -> _Handler:
    def take(message: bytes, sender: str) -> Decoded | None:
        if method.is_bulk and door.take_bulk(message, sender):
            return Decoded()
        return door.take(lambda: method.decode(message), len(message), sender)

    def handle(message: bytes, context: grpc.ServicerContext) -> bytes:
        metadata = dict(context.invocation_metadata())
        if not is_authorized(str(metadata.get("authorization", "")), auth_token):
            door.stats.rejected("unauthorized")
            context.abort(
                grpc.StatusCode.UNAUTHENTICATED, "this server wants authorization: Bearer <token>"
            )
        try:
            decoded = take(message, str(metadata.get("user-agent", "")))
        except DecodeError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except Overloaded as error:
            _abort_overloaded(context, str(error))
        return method.answer(message, decoded)

    return handle


def _abort_overloaded(context: grpc.ServicerContext, why: str) -> NoReturn:
    """Answer UNAVAILABLE with RetryInfo, which OTLP's clients wait for and then send again."""
    detail = AnyMessage()
    detail.Pack(RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER_S)))
    status = Status(
        code=grpc.StatusCode.UNAVAILABLE.value[0],
        message=f"try again later: {why}",
        details=[detail],
    )
    context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError("abort_with_status raises")
