"""`/_control`: how other processes tell it what to do and look at what it got."""

from aiohttp import web

from channels.fake_twilio.resources import Resources, as_json


class Control(Resources):
    """The account as the one that tests direct."""

    async def _control_counts(self, _request: web.Request) -> web.Response:
        return as_json(self.counts | {"messages": len(self.messages), "opted_out": len(self.opted_out)})

    async def _control(self, request: web.Request) -> web.Response:
        """A JSON object with any of: fail [failure, count], opt_out [numbers], failing_numbers {number: code},
        answer_delay, callbacks, callback_delay, inbound_url, forget (true: start afresh)."""
        order = await request.json()
        if order.pop("forget", False):
            self._failures.clear()
            self.messages.clear()
            self._by_number.clear()
            self._by_sid.clear()
            self.counts = dict.fromkeys(self.counts, 0)
        if "fail" in order:
            self.fail_next(*order.pop("fail"))
        self.opted_out.update(order.pop("opt_out", ()))
        self.failing_numbers.update(order.pop("failing_numbers", {}))
        for name in ("answer_delay", "callbacks", "callback_delay", "inbound_url"):
            if name in order:
                setattr(self, name, order.pop(name))
        if order:
            return as_json({"unknown": sorted(order)}, 400)
        return await self._control_counts(request)

    async def _control_messages(self, _request: web.Request) -> web.Response:
        return as_json(
            [
                {
                    "sid": m.sid,
                    "to": m.to,
                    "body": m.body,
                    "status": m.status,
                    "direction": m.direction,
                    "created": m.created,
                    "callback": m.callback,
                }
                for m in self.messages
            ]
        )

    async def _control_text(self, request: web.Request) -> web.Response:
        order = await request.json()
        status = await self.text(order["from"], order["body"], to=order.get("to", ""), sid=order.get("sid", ""))
        return as_json({"status": status})
