"""Chat templates in the manner of each family of models, and tokenizers that have their markers.

Each is short, but has what makes its family hard to read: what is rendered in which case, and what is refused.
"""

from __future__ import annotations

from typing import Any

from tokenizers import AddedToken

from decoding.decoding_doubles import train

# Hermes, Qwen 2.5 and 3: tags, arguments as JSON, an empty thought in the last message.
HERMES = r"""
{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0].role == 'system' %}{{- messages[0].content + '\n\n' }}{%- endif %}
    {{- "# Tools\n<tools>" }}
    {%- for tool in tools %}{{- "\n" }}{{- tool | tojson }}{%- endfor %}
    {{- "\n</tools><|im_end|>\n" }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == "user" or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>assistant\n' }}
        {%- if loop.last %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}
        {{- message.content }}
        {%- for tool_call in message.tool_calls or [] %}
            {%- if (loop.first and message.content) or not loop.first %}{{- '\n' }}{%- endif %}
            {{- '<tool_call>\n{"name": "' + tool_call.function.name + '", "arguments": ' }}
            {%- if tool_call.function.arguments is string %}
                {{- tool_call.function.arguments }}
            {%- else %}
                {{- tool_call.function.arguments | tojson }}
            {%- endif %}
            {{- '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == "tool" %}
        {{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
"""

# The same, but the generation prompt opens a thought.
THINKING = HERMES.replace(
    "'<|im_start|>assistant\\n' }}{%- endif %}\n", "'<|im_start|>assistant\\n<think>\\n' }}{%- endif %}\n"
)

# Llama 3: a bare object, one call, no text beside it, the tools in the first message of the user.
LLAMA = r"""
{{- bos_token }}
{%- if messages[0].role == 'system' %}
    {%- set system = messages[0].content %}{%- set messages = messages[1:] %}
{%- else %}{%- set system = "" %}{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\n\n" + system + "<|eot_id|>" }}
{%- if tools is not none %}
    {%- if not messages %}{{- raise_exception("no first message of the user") }}{%- endif %}
    {{- '<|start_header_id|>user<|end_header_id|>\n\nGiven the following functions\n\n' }}
    {%- for t in tools %}{{- t | tojson(indent=4) }}{{- "\n\n" }}{%- endfor %}
    {{- messages[0].content | trim + "<|eot_id|>" }}
    {%- set messages = messages[1:] %}
{%- endif %}
{%- for message in messages %}
    {%- if 'tool_calls' in message %}
        {%- if message.tool_calls | length != 1 %}
            {{- raise_exception("This model only supports single tool-calls at once!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
        {{- '{"name": "' + tool_call.name + '", "parameters": ' }}
        {{- tool_call.arguments | tojson }}
        {{- "}<|eot_id|>" }}
    {%- elif message.role == "tool" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\n\n" + message.content | tojson + "<|eot_id|>" }}
    {%- else %}
        {{- '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + message.content | trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}
"""

# Mistral: a special token, a list, ids of nine characters after the arguments, tools before the last user message.
MISTRAL = r"""
{%- if messages[0].role == 'system' %}
    {%- set system = messages[0].content %}{%- set messages = messages[1:] %}
{%- endif %}
{%- set users = messages | selectattr("role", "equalto", "user") | list %}
{{- bos_token }}
{%- for message in messages %}
    {%- if message.role == 'user' %}
        {%- if tools is not none and message == users[-1] %}
            {{- "[AVAILABLE_TOOLS] [" }}
            {%- for tool in tools %}{{- tool | tojson }}{{- ", " if not loop.last else "" }}{%- endfor %}
            {{- "][/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {{- "[INST] " + (system + "\n\n" if system is defined and loop.last else "") + message.content + "[/INST]" }}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[TOOL_CALLS] [" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function | tojson %}
            {{- out[:-1] }}
            {%- if tool_call.id is not defined or tool_call.id | length != 9 %}
                {{- raise_exception("Tool call IDs should be alphanumeric strings with length 9!") }}
            {%- endif %}
            {{- ', "id": "' + tool_call.id + '"}' }}
            {{- ", " if not loop.last else "]" + eos_token }}
        {%- endfor %}
    {%- elif message.role == 'assistant' %}
        {{- " " + message.content | trim + eos_token }}
    {%- elif message.role == 'tool' %}
        {%- if message.tool_call_id is not defined or message.tool_call_id | length != 9 %}
            {{- raise_exception("Tool call IDs should be alphanumeric strings with length 9!") }}
        {%- endif %}
        {{- '[TOOL_RESULTS] {"content": ' + message.content + ', "call_id": "' + message.tool_call_id }}
        {{- '"}[/TOOL_RESULTS]' }}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported!") }}
    {%- endif %}
{%- endfor %}
"""

# Mistral since 2025: a token before each name and one before the arguments, no ids; text may stand before.
MISTRAL_ARGS = r"""
{%- set users = messages | selectattr("role", "equalto", "user") | list %}
{{- bos_token }}
{%- for message in messages %}
    {%- if message.role == 'user' %}
        {%- if tools is not none and message == users[0] %}
            {{- "[AVAILABLE_TOOLS] " + tools | tojson + "[/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {{- "[INST]" + message.content + "[/INST]" }}
    {%- elif message.role == 'assistant' %}
        {{- message.content }}
        {%- for tool_call in message.tool_calls or [] %}
            {{- "[TOOL_CALLS]" + tool_call.function.name + "[ARGS]" }}
            {%- set arguments = tool_call.function.arguments %}
            {{- arguments if arguments is string else arguments | tojson }}
        {%- endfor %}
        {{- eos_token }}
    {%- elif message.role == 'tool' %}
        {{- "[TOOL_RESULTS]" + message.content + "[/TOOL_RESULTS]" }}
    {%- elif message.role == 'system' %}
        {{- "[SYSTEM_PROMPT]" + message.content + "[/SYSTEM_PROMPT]" }}
    {%- endif %}
{%- endfor %}
"""

# DeepSeek V3: content has to be None, arguments are text, one call alone is never closed, no tools are shown.
DEEPSEEK = r"""
{%- set ns = namespace(is_first=false) -%}
{{ bos_token }}
{%- for message in messages %}
{%- if message['role'] == 'system' %}{{ message['content'] }}{%- endif %}
{%- if message['role'] == 'user' %}{{'<｜User｜>' + message['content']}}{%- endif %}
{%- if message['role'] == 'assistant' and message['content'] is none %}
{%- for tool in message['tool_calls'] %}
{%- if not ns.is_first %}{{'<｜Assistant｜><｜tool▁calls▁begin｜>' }}
{{- '<｜tool▁call▁begin｜>' + tool['type'] + '<｜tool▁sep｜>' +
tool['function']['name'] + '\n```json\n' + tool['function']['arguments'] + '\n```<｜tool▁call▁end｜>'}}
{%- set ns.is_first = true -%}
{%- else %}{{'\n<｜tool▁call▁begin｜>' + tool['type'] + '<｜tool▁sep｜>' + tool['function']['name'] + '\n```json\n' +
tool['function']['arguments'] + '\n```<｜tool▁call▁end｜>'}}{{'<｜tool▁calls▁end｜><｜end▁of▁sentence｜>'}}
{%- endif %}
{%- endfor %}
{%- endif %}
{%- if message['role'] == 'assistant' and message['content'] is not none %}
{{- '<｜Assistant｜>' + message['content'] + '<｜end▁of▁sentence｜>'}}
{%- endif %}
{%- if message['role'] == 'tool' %}
{{- '<｜tool▁output▁begin｜>' + message['content'] }}{{- '<｜tool▁output▁end｜>'}}
{%- endif %}
{%- endfor -%}
{%- if add_generation_prompt %}{{'<｜Assistant｜>'}}{%- endif %}
"""

# gpt-oss: channels; a call is a message to a function, an answer goes to the final channel; one call.
CHANNELS = r"""
{{- "<|start|>system<|message|>" }}
{%- if tools %}{{- "namespace functions {" + tools | tojson + "}" }}{%- endif %}
{{- "<|end|>" }}
{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {%- if message.tool_calls %}
            {%- set tool_call = message.tool_calls[0].function %}
            {%- if message.content %}
                {{- "<|start|>assistant<|channel|>analysis<|message|>" + message.content + "<|end|>" }}
            {%- endif %}
            {{- "<|start|>assistant to=functions." + tool_call.name + "<|channel|>commentary json<|message|>" }}
            {{- tool_call.arguments | tojson }}
            {{- "<|call|>" }}
        {%- elif loop.last and not add_generation_prompt %}
            {{- "<|start|>assistant<|channel|>final<|message|>" + message.content + "<|return|>" }}
        {%- else %}
            {{- "<|start|>assistant<|channel|>final<|message|>" + message.content + "<|end|>" }}
        {%- endif %}
    {%- elif message.role == 'tool' %}
        {{- "<|start|>functions to=assistant<|channel|>commentary<|message|>" + message.content | tojson + "<|end|>" }}
    {%- else %}
        {{- "<|start|>" + message.role + "<|message|>" + message.content + "<|end|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- "<|start|>assistant" }}{%- endif %}
"""

# Qwen3-Coder, GLM: an element for each argument. Not JSON, so not readable here: generic.
XML = r"""
{%- if tools %}{{- '<|im_start|>system\n<tools>' }}{%- for tool in tools %}{{- tool.function.name }}{%- endfor %}
{{- '</tools><|im_end|>\n' }}{%- endif %}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\n' + (message.content or '') }}
    {%- for tool_call in message.tool_calls or [] %}
        {{- '<tool_call>\n<function=' + tool_call.function.name + '>\n' }}
        {%- for name, value in tool_call.function.arguments | items %}
            {{- '<parameter=' + name + '>\n' + value | string + '\n</parameter>\n' }}
        {%- endfor %}
        {{- '</function>\n</tool_call>' }}
    {%- endfor %}
    {{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
"""

# Kimi K2: the id holds the name, which stands nowhere else. Generic.
NAME_IN_ID = r"""
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\n' + (message.content or '') }}
    {%- for tool_call in message.tool_calls or [] %}
        {{- '[TOOL_CALLS]' + tool_call.id + '[ARGS]' + tool_call.function.arguments | tojson }}
    {%- endfor %}
    {{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
"""

# Gemma 3: no tools, no system role, turns must alternate.
GEMMA = r"""
{{- bos_token }}
{%- if messages[0].role == 'system' %}{{- raise_exception("System role not supported") }}{%- endif %}
{%- for message in messages %}
    {%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif %}
    {{- '<start_of_turn>' + ('model' if message.role == 'assistant' else message.role) + '\n' }}
    {{- message.content | trim + '<end_of_turn>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<start_of_turn>model\n' }}{%- endif %}
"""

TEMPLATES = {
    "hermes": HERMES,
    "thinking": THINKING,
    "llama": LLAMA,
    "mistral": MISTRAL,
    "mistral-args": MISTRAL_ARGS,
    "deepseek": DEEPSEEK,
    "channels": CHANNELS,
    "xml": XML,
    "name-in-id": NAME_IN_ID,
    "gemma": GEMMA,
}

EOS = {
    "hermes": "<|im_end|>",
    "thinking": "<|im_end|>",
    "llama": "<|eot_id|>",
    "mistral": "</s>",
    "mistral-args": "</s>",
    "deepseek": "<｜end▁of▁sentence｜>",
    "channels": "<|return|>",
    "xml": "<|im_end|>",
    "name-in-id": "<|im_end|>",
    "gemma": "<end_of_turn>",
}

SPECIAL = [
    *("<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "</s>"),
    *("[INST]", "[/INST]", "[TOOL_CALLS]", "[ARGS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]"),
    *("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>", "<|call|>"),
    *("<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>", "<｜tool▁sep｜>", "<｜tool▁calls▁begin｜>"),
    *("<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<start_of_turn>", "<end_of_turn>"),
]
ORDINARY = ["<tool_call>", "</tool_call>", "<think>", "</think>"]  # added, but not special, as Qwen has them

CORPUS = [
    '{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}',
    'namespace functions json commentary analysis final assistant to=functions. {"a": 1, "b": [true, null]}',
    "The weather in Paris is sunny. Shall I look it up? Yes, no, 12 3.14",
    "naïve café 日本 😀 ½ €",
] * 4


def family(name: str) -> Any:
    """A small byte-level tokenizer with the template, the markers and the EOS of a family."""
    tokenizer = train(380, CORPUS)
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL], special_tokens=True)
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in ORDINARY])
    tokenizer.eos_token = EOS[name]
    tokenizer.chat_template = TEMPLATES[name]
    return tokenizer
