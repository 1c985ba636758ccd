"""What a fresh catalog holds: the models that run in this process."""

from django.db import transaction

from api.models import Model, Upstream
from api.models.catalog import is_name

CHAT_CONTEXT = 2048
"""In tokens, for one request: the embedded engine's window divided among its slots."""
EMBEDDING_CONTEXT = 8192
"""In tokens, for one input: longer ones than the model's window are embedded window by window."""


def ensure_catalog() -> None:
    """Makes the embedded upstreams and their models, each once: where there is an upstream of the kind, however it
    was renamed or its models changed, nothing is touched; nor where staff had given a name of it to something of theirs
    before it came with a new version. Whoever does not want a model disables it."""
    for upstream, model in fresh():
        with transaction.atomic():
            taken = is_name(model.model_id) or Upstream.objects.filter(name=upstream.name).exists()
            if not taken and not Upstream.objects.filter(kind=upstream.kind).exists():
                upstream.save()
                model.save()


def fresh() -> list[tuple[Upstream, Model]]:
    """The embedded upstreams and the model of each, unsaved."""
    chat = Upstream(name="lukhas-chat", kind=Upstream.Kind.CHAT)
    embeddings = Upstream(name="lukhas-embeddings", kind=Upstream.Kind.EMBEDDINGS)
    moderation = Upstream(name="lukhas-moderation", kind=Upstream.Kind.MODERATION)
    echo = Upstream(name="echo", kind=Upstream.Kind.ECHO)
    return [
        (chat, Model(model_id="lukhas-chat-1", upstream=chat, embeddings=False, context_window=CHAT_CONTEXT)),
        (
            embeddings,
            Model(
                model_id="lukhas-embed-1",
                upstream=embeddings,
                chat=False,
                completions=False,
                context_window=EMBEDDING_CONTEXT,
                vector_space="all-MiniLM-L6-v2",
            ),
        ),
        (
            moderation,
            Model(
                model_id="lukhas-moderation-1",
                upstream=moderation,
                chat=False,
                completions=False,
                embeddings=False,
                moderations=True,
                context_window=EMBEDDING_CONTEXT,
            ),
        ),
        (echo, Model(model_id="lukhas-echo-1", upstream=echo, vector_space="echo")),
    ]
