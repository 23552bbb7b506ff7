"""Pages as a browser reads them: how a template is laid out makes no difference."""

from __future__ import annotations

import re
from typing import Any

_BLOCK = re.compile(
    r" ?(</?(?:article|button|caption|d[dlt]|details|div|form|h[1-6]|label|legend|li|ol|p|section|summary"
    r"|t[dhr]|table|tbody|thead|ul)\b[^>]*>) ?"
)


def markup(response: Any) -> str:
    """The HTML of a page: one blank for each run of white space, and none where a block begins or ends."""
    text = response.content.decode()
    return _BLOCK.sub(r"\1", re.sub(r"\s+", " ", text))
