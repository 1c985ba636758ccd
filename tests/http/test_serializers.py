"""Sparse validation: what DRF would say, at the cost of what a request holds."""

from typing import Any

import pytest
from rest_framework import serializers

from lukhas_site.http.serializers import SparseSerializer


class Counted(serializers.Field[Any, Any, Any, Any]):
    """Counts how often it is asked."""

    visits = 0

    def to_internal_value(self, data: Any) -> Any:
        type(self).visits += 1
        return data


class Order(SparseSerializer):
    item = serializers.CharField(max_length=5)
    number = serializers.IntegerField(default=1, min_value=1)
    note = serializers.CharField(required=False)
    extra = Counted(required=False)
    price = serializers.IntegerField(read_only=True)


class PlainOrder(serializers.Serializer[Any]):
    item = serializers.CharField(max_length=5)
    number = serializers.IntegerField(default=1, min_value=1)
    note = serializers.CharField(required=False)


ORDER = Order()


def test_defaults_are_filled_in_and_unknown_and_read_only_keys_left_out() -> None:
    assert ORDER.run_validation({"item": "tea", "colour": "green", "price": 3}) == {"item": "tea", "number": 1}


def test_fields_that_are_neither_present_nor_required_are_not_visited() -> None:
    Counted.visits = 0
    ORDER.run_validation({"item": "tea"})
    assert Counted.visits == 0
    assert ORDER.run_validation({"item": "tea", "extra": [1]})["extra"] == [1]
    assert Counted.visits == 1


@pytest.mark.parametrize(
    "data",
    [{}, {"item": "too long", "number": 0}, {"item": None}, {"number": "x", "note": 5.5, "item": []}, 5, ["item"]],
)
def test_all_faults_are_told_at_once_and_just_as_drf_tells_them(data: Any) -> None:
    with pytest.raises(serializers.ValidationError) as sparse:
        ORDER.run_validation(data)
    with pytest.raises(serializers.ValidationError) as plain:
        PlainOrder().run_validation(data)
    assert sparse.value.detail == plain.value.detail


def test_one_instance_serves_any_number_of_requests() -> None:
    with pytest.raises(serializers.ValidationError):
        ORDER.run_validation({})
    assert ORDER.run_validation({"item": "tea", "number": 2}) == {"item": "tea", "number": 2}
    assert ORDER.run_validation({"item": "milk"}) == {"item": "milk", "number": 1}
