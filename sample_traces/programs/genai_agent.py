"""A support agent that thinks, calls tools and thinks again, by OpenTelemetry's GenAI conventions.

One tool call fails (the model asked for an order that is not there) and is repaired in the next turn.
"""

from opentelemetry.trace import SpanKind
from story import Database, Service, Story, http

MODEL = "gpt-4.1-mini"


class UnknownOrder(Exception):
    """There is no such order."""


def chat(agent: Service, turn: int, prompt: int, answer: int, reason: str, ms: float) -> None:
    """Ask the model once."""
    said = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 1024,
        "gen_ai.response.model": f"{MODEL}-2025-04-14",
        "gen_ai.response.id": f"chatcmpl-{0xA1B2C3 + turn:x}",
        "gen_ai.response.finish_reasons": [reason],
        "gen_ai.usage.input_tokens": prompt,
        "gen_ai.usage.output_tokens": answer,
        "gen_ai.conversation.id": "conv-5f1d",
        "server.address": "api.openai.com",
        "server.port": 443,
    }
    with agent.span(f"chat {MODEL}", SpanKind.CLIENT, said):
        agent.story.clock.pass_ms(ms * 0.3)
        agent.event("first token", {"gen_ai.response.time_to_first_token_ms": round(ms * 0.3)})
        agent.story.clock.pass_ms(ms * 0.7)


def tool(name: str, call: int, arguments: str) -> dict[str, str]:
    """Return a tool call's attributes."""
    return {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": f"call_{call:04d}",
        "gen_ai.tool.call.arguments": arguments,
    }


def main() -> None:
    story = Story("genai-agent", "2026-11-20T10:11:12+00:00")
    desk = story.service("support-desk", "1.2.0")
    agent = story.service("support-agent", "0.8.1")
    orders = story.service("order-service", "5.0.1")
    vectors = Database("qdrant", "handbook", "qdrant-0", 6333)
    database = Database("postgresql", "orders", "orders-db", 5432)
    invoked = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "order-helper",
        "gen_ai.agent.id": "agent-7",
        "gen_ai.conversation.id": "conv-5f1d",
    }
    with desk.span("POST /tickets", SpanKind.SERVER, {"ticket.id": "t-881"}, headers={}):
        with http(desk, agent, "POST", "/answer"):
            with agent.span("invoke_agent order-helper", SpanKind.INTERNAL, invoked) as invoke:
                chat(agent, 1, 812, 46, "tool_calls", 1_240)
                for call, order in ((1, "o-9971"), (2, "o-9917")):
                    arguments = f'{{"order_id": "{order}"}}'
                    attributes = tool("lookup_order", call, arguments)
                    with agent.span("execute_tool lookup_order", attributes=attributes):
                        with http(
                            agent, orders, "GET", "/orders/{id}", path=f"/orders/{order}"
                        ) as got:
                            text = "SELECT state, shipped_at FROM orders WHERE id = $1"
                            database.ask(orders, "SELECT", "orders", text, 5)
                            got.status = 404 if call == 1 else 200
                        if got.status == 404:
                            agent.failed(UnknownOrder(order))
                    chat(agent, 1 + call, 901 + call * 120, 38, "tool_calls", 980)
                attributes = tool("search_handbook", 3, '{"query": "parcel lost in transit"}')
                with agent.span("execute_tool search_handbook", attributes=attributes):
                    vectors.ask(agent, "search", "handbook", "", 28, db__response__returned_rows=5)
                chat(agent, 4, 2_318, 264, "stop", 3_450)
                invoke.set_attribute("gen_ai.usage.input_tokens", 812 + 1_021 + 1_141 + 2_318)
                invoke.set_attribute("gen_ai.usage.output_tokens", 46 + 38 + 38 + 264)
    story.end()


if __name__ == "__main__":
    main()
