"""Build silver.orders and silver.order_lines: what each order is worth by all its events."""

from collections.abc import Sequence
from pathlib import Path

from kinfold.core.settings.command_line import parse_options
from kinfold.runtime.job import open_job, run_job
from kinfold.silver.orders.orders import ORDER_RULES, publish_orders
from kinfold.tables import silver

JOB = "silver/build_orders"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    money = options.settings.money
    rates = [Path(money.rates)] if money.rates else []
    with open_job(
        JOB,
        options,
        reads=[silver.EVENTS, silver.IDENTITY_MAP],
        reads_if_exists=[silver.BAD_VALUES],
        writes=[silver.ORDERS, silver.ORDER_LINES],
        depends_on=[options.settings.identity, money, *rates],
        rules=ORDER_RULES,
    ) as run:
        if not run.is_up_to_date:
            publish_orders(run)


if __name__ == "__main__":
    run_job(main)
