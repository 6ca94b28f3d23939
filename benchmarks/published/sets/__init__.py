"""The sets of data, one module each: a new one is a file here and its name in this list."""

from __future__ import annotations

from problem import Problem

from . import (
    air_quality,
    biscuits,
    colorado,
    computer_survey,
    fx2007,
    irish_wind,
    jura,
    linnerud,
    mulan,
    ny_ozone,
    pnw_weather,
    sarcos,
    school,
    solent,
)

PROBLEMS: list[Problem] = [
    *jura.PROBLEMS,
    fx2007.PROBLEM,
    solent.PROBLEM,
    irish_wind.PROBLEM,
    *colorado.PROBLEMS,
    ny_ozone.PROBLEM,
    computer_survey.PROBLEM,
    biscuits.PROBLEM,
    pnw_weather.PROBLEM,
    air_quality.PROBLEM,
    linnerud.PROBLEM,
    sarcos.PROBLEM,
    *mulan.PROBLEMS,
    school.PROBLEM,
]
