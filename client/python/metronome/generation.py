"""Tokens as they come, and sessions that keep their KV cache between calls."""
from metronome import errors, messages


def prompt_of(prompt):
    """A Prompt of text, of token ids, of a SyntheticPrompt, of a Chat or its messages, or of itself."""
    if isinstance(prompt, messages.Prompt):
        return prompt
    if isinstance(prompt, str):
        return messages.Prompt(text=prompt)
    if isinstance(prompt, messages.SyntheticPrompt):
        return messages.Prompt(synthetic=prompt)
    if isinstance(prompt, messages.Chat):
        return messages.Prompt(chat=prompt)
    items = list(prompt)
    if items and all(isinstance(item, messages.ChatMessage) for item in items):
        return messages.Prompt(chat=messages.Chat(messages=items))
    return messages.Prompt(tokens=messages.TokenIds(ids=[int(item) for item in items]))


class Generation:
    """Iterates over Tokens as the daemon sends them. `tokens` has those that came so far; `summary` is None until the last one did.

    Leaving a `with` block, `cancel` and the end of the object stop the daemon at its next token; a loop that goes on then raises
    Cancelled."""

    def __init__(self, stream, first=()):
        self._stream = stream
        self.tokens = list(first)
        self.summary = None

    def __iter__(self):
        return self

    def __next__(self):
        for response in self._stream:
            if response.token is not None:
                self.tokens.append(response.token)
                return response.token
            self.summary = response.summary
        raise StopIteration

    def wait(self):
        """Takes all tokens that are still to come; returns itself."""
        for _ in self:
            pass
        if self.summary is None:
            raise errors.Internal("the stream of tokens ended without a summary")
        return self

    @property
    def ids(self):
        return [token.id for token in self.tokens]

    @property
    def text(self):
        return "".join(token.text for token in self.tokens)

    def cancel(self):
        self._stream.cancel()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cancel()

    def __del__(self):
        self.cancel()


class Session:
    """A prompt in a KV cache, and what was decoded after it. The end of a `with` block closes it."""

    def __init__(self, connection, session, prefill=None):
        self._connection = connection
        self.id = session
        self.prefill = prefill  # The PrefillResponse: first_token, prompt_tokens, timeline; None of a fork.

    @property
    def first_token(self):
        return self.prefill.first_token if self.prefill else None

    def decode(self, max_tokens, *, stop_at_eos=False, stop_token_ids=(), tokens_at_once=0, timeout=None):
        """A Generation of the tokens that follow. Cancelling it closes the session."""
        request = messages.DecodeRequest(session=self.id, max_tokens=max_tokens, stop_at_eos=stop_at_eos,
                                         stop_token_ids=list(stop_token_ids), tokens_at_once=tokens_at_once)
        return Generation(self._connection.stream("Decode", request, timeout))

    def fork(self):
        """A copy that goes its own way."""
        answer = self._connection.call("ForkSession", messages.ForkSessionRequest(session=self.id))
        return Session(self._connection, answer.session)

    def close(self):
        self._connection.call("CloseSession", messages.CloseSessionRequest(session=self.id))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.close()
        except errors.NotFound:
            pass  # Closed before, expired, or ended with a decode that was cancelled.
