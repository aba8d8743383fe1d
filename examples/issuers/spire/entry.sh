#!/bin/sh
# Lets the control plane have an intermediate CA of SPIRE: run it where spire-server is. AGENT is the path of the SPIFFE ID of the
# agents' node alias, or of one agent (spire-server agent list); SELECTORS how the agent knows the control plane, and SOCKET
# its server's, where they are others than these.
set -eu
: "${AGENT:?the path of the agent, as in spiffe://cluster.local/AGENT}"
: "${SELECTORS:=-selector k8s:ns:weft-system -selector k8s:sa:weft-control-plane}"
: "${SOCKET:=/tmp/spire-server/private/api.sock}"
# SELECTORS are several words.
# shellcheck disable=SC2086
spire-server entry create -socketPath "$SOCKET" -downstream -parentID "spiffe://cluster.local/$AGENT" \
  -spiffeID spiffe://cluster.local/ns/weft-system/sa/weft-control-plane $SELECTORS
