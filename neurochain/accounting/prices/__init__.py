"""Price lists: what an operation costs, each number with its source."""

from neurochain.accounting.prices.load import CHIPS, REFUSED, SHIPPED, find_prices, read_prices
from neurochain.accounting.prices.records import (
    QUANTITIES,
    Barrier,
    MemoryPrice,
    Price,
    PriceList,
    Source,
    StaticPower,
)

__all__ = [
    "CHIPS",
    "QUANTITIES",
    "REFUSED",
    "SHIPPED",
    "Barrier",
    "MemoryPrice",
    "Price",
    "PriceList",
    "Source",
    "StaticPower",
    "find_prices",
    "read_prices",
]
