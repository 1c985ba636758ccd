"""How people sign in to the staff pages, and what a fresh server knows of people."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import User
from tests.accounts.sessions.conftest import PASSWORD


def test_the_password_is_hidden_and_a_password_manager_may_fill_it_in(database: None) -> None:
    page = Client().get("/admin/login/").content.decode()
    field = re.search(r"<input[^>]*name=\"password\"[^>]*>", page)
    assert field is not None
    assert 'type="password"' in field[0]
    assert 'autocomplete="current-password"' in field[0]
    assert "onpaste" not in page


def test_a_password_is_compared_as_it_was_sent(database: None) -> None:
    user = User.objects.create_user("ann", "ann@example.com", f" {PASSWORD} ")
    assert user.check_password(f" {PASSWORD} ")
    for other in (PASSWORD, f" {PASSWORD.upper()} ", f" {PASSWORD} "[:-1], f" {PASSWORD} x"):
        assert not user.check_password(other)


def test_every_staff_page_has_a_way_out_that_works(staff: Client) -> None:
    assert 'action="/admin/logout/"' in staff.get("/admin/").content.decode()
    cookie = staff.cookies["sessionid"].value
    staff.post("/admin/logout/")
    again = Client()
    again.cookies["sessionid"] = cookie
    assert again.get("/admin/").status_code == 302


def test_a_fresh_server_has_no_user_at_all(database: None) -> None:
    assert get_user_model().objects.count() == 0


@pytest.mark.parametrize("password", ["short", "eleven char", "q1w2e3r4t5y6", "qwerty123456", "ann@example.com"])
def test_a_password_that_is_short_common_or_ones_own_name_is_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password, User(username="ann", email="ann@example.com"))


@pytest.mark.parametrize("password", ["aaaa bbbb cccc", "ÄÖÜ ßßß 🦜🦜🦜🦜🦜", "a long sentence, " * 20])
def test_of_what_a_password_is_made_is_nobodys_business(password: str) -> None:
    validate_password(password, User(username="ann", email="ann@example.com"))


def test_the_cookie_is_not_prolonged_by_use(staff: Client) -> None:
    until = staff.session.get_expiry_date()
    stored = staff.session.model.objects.get().expire_date
    answer = staff.get("/admin/")
    assert "sessionid" not in answer.cookies
    assert staff.session.model.objects.get().expire_date == stored
    assert abs(until - stored) < timedelta(seconds=60)
