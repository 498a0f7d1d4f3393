"""What is typed about a template in Prefect's form."""

from typing import Annotated

from pydantic import Field

TemplateName = Annotated[str, Field(min_length=1, max_length=100)]
Period = Annotated[str, Field(max_length=10)]
