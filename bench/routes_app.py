"""The text of an application of the size people have: 50 tables, 50 models, 50 routes, settings."""

from __future__ import annotations

ROUTES = 50
REQUIREMENTS = ("sqlalchemy>=2,<3", "pydantic-settings>=2,<3")

_SETTINGS = """\
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="BENCH_")

    title: str = "fifty routes"
    database_url: str = "sqlite://"
    page_size: int = Field(default=50, ge=1, le=500)


settings = Settings()
"""

_TABLES = """\
from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass
"""

_TABLE = """

class Table{n}(Base):
    __tablename__ = "table_{n}"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), index=True)
    note: Mapped[str | None]
    amount: Mapped[float] = mapped_column(default=0.0)
    created: Mapped[datetime] = mapped_column(default=datetime.now)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("table_{n}.id"))
    parent: Mapped["Table{n} | None"] = relationship(remote_side=[id])
"""

_MODELS = """\
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
"""

_MODEL = """

class Model{n}(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str = Field(min_length=1, max_length=100)
    note: str | None = None
    amount: float = Field(default=0.0, ge=0)
    created: datetime
    tags: list[str] = []
"""

_MAIN = """\
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from app import models, tables
from app.settings import settings

GREETING = "hello"

engine = create_engine(
    settings.database_url, poolclass=StaticPool, connect_args={"check_same_thread": False}
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    tables.Base.metadata.create_all(engine)
    yield


app = FastAPI(title=settings.title, lifespan=lifespan)


def session() -> Iterator[Session]:
    with Session(engine) as opened:
        yield opened


InSession = Annotated[Session, Depends(session)]


@app.get("/")
def root() -> dict[str, str]:
    return {"greeting": GREETING}


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}
"""

_ROUTE = """

@app.get("/things/{n}", response_model=list[models.Model{n}])
def list_{n}(opened: InSession, name: str | None = None, limit: int = settings.page_size):
    query = select(tables.Table{n}).limit(limit)
    return opened.scalars(query if name is None else query.filter_by(name=name)).all()
"""


def sources() -> dict[str, str]:
    """The modules of the package `app`, file name -> text."""
    return {
        "__init__.py": "",
        "settings.py": _SETTINGS,
        "tables.py": _TABLES + _each(_TABLE),
        "models.py": _MODELS + _each(_MODEL),
        "main.py": _MAIN + _each(_ROUTE),
    }


def _each(text: str) -> str:
    return "".join(text.replace("{n}", str(number)) for number in range(ROUTES))
