"""Rows for tests."""

import factory

from accounts.models import ApiKey, Tenant, User


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    password = factory.django.Password("correct horse battery staple")


class TenantFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Tenant

    name = factory.Sequence(lambda n: f"Tenant {n}")


class ApiKeyFactory(factory.django.DjangoModelFactory):
    """A key that nobody can use: only its row."""

    class Meta:
        model = ApiKey

    tenant = factory.SubFactory(TenantFactory)
    name = factory.Sequence(lambda n: f"Key {n}")
    prefix = factory.Sequence(lambda n: f"rp_live_{n:08}")
    last4 = "0000"
    pepper_id = "none"
    digest = factory.Sequence(lambda n: f"{n:064}")
