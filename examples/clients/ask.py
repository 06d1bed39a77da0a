"""Asks with OpenAI's SDK for Python: python examples/clients/ask.py [URL].

A deployed Worker wants a key in MEDADAPTER_KEY. The model is MEDADAPTER_MODEL, or the first that the Worker may ask.
"""

import os
import sys

import openai

url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8787"
client = openai.OpenAI(base_url=f"{url}/v1", api_key=os.environ.get("MEDADAPTER_KEY", "none"))
model = os.environ.get("MEDADAPTER_MODEL") or client.models.list().data[0].id

question = """Deficiency of which vitamin causes Wernicke encephalopathy?
A. Cobalamin (B12)
B. Thiamine (B1)
C. Niacin (B3)
D. Pyridoxine (B6)"""

# Where being wrong is worse than saying nothing: abstain unless 10 % of errors at most can be promised.
answer = client.chat.completions.create(
    model=model,
    messages=[{"role": "user", "content": question}],
    extra_body={"medadapter": {"k": 5, "abstain": {"target_error": 0.1}}},
)
about = answer.medadapter
print(answer.choices[0].message.content)
if about["abstained"]:
    print(f"abstained: {about['abstained_reason']} ({about['confidence_reason']})")
else:
    print(f"answer {about['answer']}, confidence {about['confidence']}")
