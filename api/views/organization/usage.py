"""/v1/organization/usage/… and /v1/organization/costs: one view, of eleven kinds."""

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from api.administration import usage
from api.schema import organization_usage as documented
from api.serializers.organization.usage import parse_usage, usage_page
from api.views.organization.base import OrganizationView


class UsageView(OrganizationView):
    """What the organisation used of one kind, by bucket."""

    actions: ClassVar = {"get": "organization.usage.read"}
    kind: ClassVar[usage.Kind]

    def get(self, request: Request) -> HttpResponse:
        asked = parse_usage(self.query, self.kind)
        return self.answer(usage_page(*usage.buckets(self.organization_id, self.kind, asked)))


@documented.completions
class CompletionsUsageView(UsageView):
    kind = usage.COMPLETIONS


@documented.embeddings
class EmbeddingsUsageView(UsageView):
    kind = usage.EMBEDDINGS


@documented.moderations
class ModerationsUsageView(UsageView):
    kind = usage.MODERATIONS


@documented.images
class ImagesUsageView(UsageView):
    kind = usage.IMAGES


@documented.audio_speeches
class AudioSpeechesUsageView(UsageView):
    kind = usage.AUDIO_SPEECHES


@documented.audio_transcriptions
class AudioTranscriptionsUsageView(UsageView):
    kind = usage.AUDIO_TRANSCRIPTIONS


@documented.vector_stores
class VectorStoresUsageView(UsageView):
    kind = usage.VECTOR_STORES


@documented.code_interpreter_sessions
class CodeInterpreterSessionsUsageView(UsageView):
    kind = usage.CODE_INTERPRETER_SESSIONS


@documented.file_search_calls
class FileSearchCallsUsageView(UsageView):
    kind = usage.FILE_SEARCH_CALLS


@documented.web_search_calls
class WebSearchCallsUsageView(UsageView):
    kind = usage.WEB_SEARCH_CALLS


@documented.costs
class CostsView(UsageView):
    kind = usage.COSTS
