"""The items API of the FastAPI guides, with its items on a volume and a page for browsers."""

import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, HTTPException, Request, Response, status
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field

from app.page import render
from app.store import Item, Store

GREETING = "Hello from devbox. Change me and save!"

HOST = socket.gethostname()
store = Store(Path(os.environ.get("DATA_DIR", "/data")) / "items.db")

# The page and the health check ask once a second: the log is for requests that somebody made.
logging.getLogger("uvicorn.access").addFilter(lambda record: "/health" not in record.getMessage())


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    store.prepare()
    yield


app = FastAPI(title="devbox sample", lifespan=lifespan)

# SQLite's integers have 64 bits.
ItemId = Annotated[int, PathParameter(ge=0, lt=2**63)]


class NewItem(BaseModel):
    name: str = Field(min_length=1, max_length=100)


class FoundItem(BaseModel):
    item_id: int
    name: str
    q: str | None


@app.get("/", response_model=None)
def read_root(request: Request) -> Response:
    """A page for browsers, JSON for everybody else."""
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(render(GREETING, HOST, store.all()), headers={"Vary": "Accept"})
    return JSONResponse({"greeting": GREETING, "host": HOST}, headers={"Vary": "Accept"})


@app.get("/health")
def read_health() -> dict[str, str]:
    return {"status": "ok", "host": HOST}


@app.get("/items")
def list_items() -> list[Item]:
    return store.all()


@app.post("/items", status_code=status.HTTP_201_CREATED)
def create_item(new: NewItem) -> Item:
    return store.add(new.name)


@app.get("/items/{item_id}")
def read_item(item_id: ItemId, q: str | None = None) -> FoundItem:
    item = store.get(item_id)
    if item is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such item.")
    return FoundItem(item_id=item.item_id, name=item.name, q=q)


@app.delete("/items/{item_id}", status_code=status.HTTP_204_NO_CONTENT)
def delete_item(item_id: ItemId) -> None:
    if not store.remove(item_id):
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such item.")
