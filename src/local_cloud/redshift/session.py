"""One client's session: messages go to PostgreSQL, rewritten; what only Redshift has runs here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from local_cloud.redshift import messages
from local_cloud.redshift.backend import Backend, BackendError
from local_cloud.redshift.errors import SqlError
from local_cloud.redshift.plans import Alone, Begin, End, Plain, Plan, Refused, Special, Truncate
from local_cloud.redshift.rewrite import is_plain, plan_script
from local_cloud.redshift.translate import Translator, translate_error

# Stands for a statement that runs here: like it, it returns no rows. It is never executed.
_PLACEHOLDER = "SET redshift.placeholder TO ''"
_BATCH_BYTES = 1024 * 1024


class Loader(Protocol):
    """Runs COPY and UNLOAD."""

    async def run(self, plan: Special, backend: Backend) -> str:
        """Run it in the session's transaction; the tag to answer with."""


class Session:
    """Relays between a client and its PostgreSQL session until one of them leaves."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        backend: Backend,
        translator: Translator,
        loader: Loader,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._backend = backend
        self._translator = translator
        self._loader = loader
        self._statements: dict[bytes, Special] = {}
        self._portals: dict[bytes, Special] = {}
        self._pending = bytearray()  # of the extended protocol, not yet sent on
        self._expected = 0  # answers to what is pending
        self._skipping = False  # after an error, until the client's Sync

    async def run(self) -> None:
        """Serve the client until it says goodbye."""
        while True:
            kind, payload = await messages.read_message(self._reader)
            if kind == b"X":
                return
            if kind == b"Q":
                await self._run_script(payload[:-1].decode())
            elif kind == b"S":
                self._skipping = False
                self._pending += messages.message(b"S")
                await self._exchange(None)
            elif not self._skipping:
                await self._extended(kind, payload)
            await self._writer.drain()

    # The simple protocol: a script, in one transaction unless it says otherwise.

    async def _run_script(self, script: str) -> None:
        plans: Sequence[Plan] = [Plain(script)] if is_plain(script) else plan_script(script)
        if all(isinstance(plan, Plain) for plan in plans):
            rewritten = ";".join(plan.sql for plan in plans if isinstance(plan, Plain))
            self._backend.writer.write(messages.query(rewritten))
            await self._relay(None)
            return
        implicit = False
        for number, plan in enumerate(plans):
            if isinstance(plan, Begin) and implicit:
                implicit = False
                self._writer.write(messages.command_complete("BEGIN"))
                continue
            if isinstance(plan, (Begin, End)):
                implicit = False
            elif self._backend.status == b"I" and number + 1 < len(plans):
                await self._backend.query("BEGIN")
                implicit = True
            if not await self._run_one(plan):
                if implicit:
                    await self._backend.query("ROLLBACK")
                break
        else:
            if implicit and self._backend.status != b"I":
                await self._commit()
        self._writer.write(messages.ready(self._backend.status))

    async def _commit(self) -> None:
        try:
            await self._backend.query("COMMIT")
        except BackendError as error:
            self._refuse(error)

    async def _run_one(self, plan: Plan) -> bool:
        """Run one statement and tell the client; whether it succeeded."""
        if not isinstance(plan, Plain):
            return await self._run_special(plan)
        self._backend.writer.write(messages.query(plan.sql))
        return await self._relay(None, announce_ready=False)

    async def _run_special(self, plan: Special) -> bool:
        try:
            tag = await self._execute(plan)
        except SqlError as error:
            await self._backend.abort()
            self._refuse(error)
            return False
        self._writer.write(messages.command_complete(tag))
        return True

    def _refuse(self, error: SqlError) -> None:
        if isinstance(error, BackendError):
            fields = translate_error(error.fields)
            self._writer.write(messages.fields_message(b"E", fields))
        else:
            self._writer.write(messages.error_response(error))

    async def _execute(self, plan: Special) -> str:
        if self._backend.status == b"E":  # PostgreSQL says best why nothing runs now
            await self._backend.query("SELECT 1")
        if isinstance(plan, Refused):
            raise plan.error
        if isinstance(plan, Truncate):
            answer = await self._backend.query(plan.sql)
            if self._backend.status == b"T":
                await self._backend.query("COMMIT")
            return answer.tag
        if isinstance(plan, Alone):
            if self._backend.status != b"I":
                raise SqlError(f"{plan.name} cannot run inside a transaction block", "25001")
            return (await self._backend.query(plan.sql)).tag
        return await self._loader.run(plan, self._backend)

    # The extended protocol: what is prepared here runs when it is executed, each time.

    async def _extended(self, kind: bytes, payload: bytes) -> None:
        if kind == b"P":
            payload, refused = self._prepare(payload)
            if refused:
                self._skipping = not (await self._settle() and await self._run_special(refused))
                return
        elif kind == b"B":
            self._bind(payload)
        elif kind == b"E":
            portal, _ = messages.cut_string(payload)
            if special := self._portals.get(portal):
                self._skipping = not (await self._settle() and await self._run_special(special))
                return
        elif kind == b"C":
            name = payload[1:-1]
            (self._statements if payload[:1] == b"S" else self._portals).pop(name, None)
        self._pending += messages.message(kind, payload)
        if kind in (b"P", b"B", b"C", b"D", b"E"):
            self._expected += 1
        if kind == b"H" or len(self._pending) > _BATCH_BYTES:
            self._pending += messages.message(b"H") if kind != b"H" else b""
            await self._exchange(self._expected)

    def _prepare(self, payload: bytes) -> tuple[bytes, Refused | None]:
        """The Parse to send on, or why there is none."""
        name, rest = messages.cut_string(payload)
        statement, rest = messages.cut_string(rest)
        self._statements.pop(name, None)
        script = statement.decode()
        plans = [] if is_plain(script) else plan_script(script)
        if len(plans) != 1:  # PostgreSQL refuses a script, and takes an empty one
            return payload, None
        plan = plans[0]
        if isinstance(plan, Refused):
            return payload, plan
        if isinstance(plan, Plain):
            return messages.parse(name, plan.sql, rest)[5:], None
        self._statements[name] = plan
        return messages.parse(name, _PLACEHOLDER, b"\0\0")[5:], None

    def _bind(self, payload: bytes) -> None:
        portal, rest = messages.cut_string(payload)
        name, _ = messages.cut_string(rest)
        self._portals.pop(portal, None)
        if name in self._statements:
            self._portals[portal] = self._statements[name]

    async def _settle(self) -> bool:
        """Have PostgreSQL do what is pending; whether that succeeded."""
        self._pending += messages.message(b"S")
        return await self._exchange(None, announce_ready=False)

    async def _exchange(self, expected: int | None, *, announce_ready: bool = True) -> bool:
        """Send what is pending and pass on the answers."""
        self._backend.writer.write(bytes(self._pending))
        self._pending.clear()
        self._expected = 0
        done = await self._relay(expected, announce_ready=announce_ready)
        self._skipping = self._skipping or (expected is not None and not done)
        return done

    async def _relay(self, expected: int | None, *, announce_ready: bool = True) -> bool:
        """Pass on PostgreSQL's answers.

        Args:
            expected: How many there will be; None for as many as come before it is ready.
            announce_ready: Whether the client is to hear that it is.

        Returns:
            Whether there was no error.
        """
        succeeded = True
        while expected is None or expected > 0:
            data, marks = await self._backend.frames()
            place = 0
            for kind, start, end in marks:
                self._writer.write(data[place:start])
                place = end
                if kind == b"Z":
                    if announce_ready:
                        self._writer.write(data[start:end])
                    return succeeded
                self._writer.write(self._translator.frame(kind, data[start + 5 : end]))
                if kind == b"E":
                    succeeded = False
                    expected = None if expected is None else 0
                elif expected and kind in (b"1", b"2", b"3", b"T", b"n", b"C", b"I", b"s"):
                    expected -= 1
            self._writer.write(data[place:])
            await self._writer.drain()
        return succeeded
