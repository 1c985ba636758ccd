"""Fields of the staff pages: JSON, as it is typed, and a share, by a slider."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson
from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput

from accounts.unfolded import Textarea
from features.problems import value_problem

MOST = 1_000_000


class JsonField(forms.JSONField):
    """JSON to type. What cannot be read is told with its line, and stays as it was typed. `make` gives what an empty
    field stands for; `most` is how many characters may be typed."""

    def __init__(self, *, make: Callable[[], Any] = dict, most: int = MOST, rows: int = 4, **kwargs: Any) -> None:
        self.make, self.most = make, most
        kwargs["widget"] = Textarea(attrs={"class": "font-mono", "spellcheck": "false", "rows": rows})
        super().__init__(**{"required": False, "initial": make, **kwargs})

    def to_python(self, value: Any) -> Any:
        """Raises ValidationError."""
        if value in self.empty_values:
            return self.make()
        if len(value) > self.most:
            raise ValidationError(f"It has more than {self.most} characters.", code="max_length")
        try:
            found = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise ValidationError(f"It is not JSON: {error.msg}, in {place}.", code="invalid") from error
        if problem := value_problem(found):
            raise ValidationError(f"It {problem}.", code="invalid")
        return found

    def bound_data(self, data: Any, initial: Any) -> Any:
        return data if data is None else InvalidJSONInput(data)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, InvalidJSONInput) else json.dumps(value, indent=2, ensure_ascii=False)


class Slider(forms.NumberInput):
    """A number by a slider, that stands beside it as it moves; without scripts, as it was."""

    input_type = "range"
    template_name = "features/slider.html"


class ShareField(forms.DecimalField):
    """A percentage: in whole steps, or in finer ones where what is there is finer."""

    widget = Slider

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=100, decimal_places=3, required=False, **kwargs)

    def widget_attrs(self, widget: Any) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "step": "1"}

    def start(self, percent: Decimal) -> None:
        """What it shows at first."""
        whole = percent == percent.to_integral_value()
        self.initial = int(percent) if whole else percent.normalize()
        self.widget.attrs["step"] = "1" if whole else "0.001"
