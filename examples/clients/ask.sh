#!/usr/bin/env bash
# Asks with curl: ask.sh [URL]. A deployed Worker wants a key in MEDADAPTER_KEY.
set -euo pipefail
url=${1:-http://127.0.0.1:8787}

# Plain: the answer, how sure it is, and what the adapter thought of each candidate.
curl -sS --fail-with-body "$url/v1/answer" \
  -H "authorization: Bearer ${MEDADAPTER_KEY:-none}" \
  -H 'content-type: application/json' \
  -d '{
    "question": "Deficiency of which vitamin causes Wernicke encephalopathy?",
    "options": {"A": "Cobalamin (B12)", "B": "Thiamine (B1)", "C": "Niacin (B3)", "D": "Pyridoxine (B6)"},
    "k": 5,
    "include": ["candidates"]
  }'
echo

# Streaming: a line for each candidate as soon as it is scored, the whole answer at the end.
curl -sSN --fail-with-body "$url/v1/answer" \
  -H "authorization: Bearer ${MEDADAPTER_KEY:-none}" \
  -H 'content-type: application/json' -H 'accept: text/event-stream' \
  -d '{
    "question": "Deficiency of which vitamin causes Wernicke encephalopathy?",
    "options": {"A": "Cobalamin (B12)", "B": "Thiamine (B1)", "C": "Niacin (B3)", "D": "Pyridoxine (B6)"},
    "k": 3,
    "include": []
  }'
