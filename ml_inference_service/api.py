"""The ml-inference-service's HTTP surface: which model this is."""

from aiohttp import web

from ml_inference_service.model import ModelCard


def inference_routes(card: ModelCard, provider: str) -> list[web.RouteDef]:
    """The ml-inference-service's routes."""

    async def model(_: web.Request) -> web.Response:
        return web.json_response({"version": card.version, "provider": provider, "card": card.model_dump(mode="json")})

    return [web.get("/model", model)]
