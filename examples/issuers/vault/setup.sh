#!/bin/sh
# What Vault needs to sign for a mesh: run it once, as one who may administer it (VAULT_ADDR, VAULT_TOKEN).
# Afterwards: vault write auth/kubernetes/config ..., so that it may ask the cluster who a token is of.
set -eu

# A root, and below it the CA that signs. In one mount: the roots of all its issuers are what the mesh trusts.
vault secrets enable -max-lease-ttl=87600h pki
vault write pki/root/generate/internal issuer_name=root-2026 common_name='mesh root 2026' \
  key_type=ec key_bits=256 ttl=87600h
vault pki issue -issuer_name=signing-2026 /pki/issuer/root-2026 /pki/ common_name='mesh signing 2026' \
  key_type=ec key_bits=256 ttl=8760h
vault write pki/config/issuers default=signing-2026

# Certificates that would end after their CA end with it; without this Vault refuses them in the CA's last day.
vault patch pki/issuer/signing-2026 leaf_not_after_behavior=truncate

# The names of workloads, and those of the control plane and of the webhook.
vault write pki/roles/weft allowed_uri_sans='spiffe://cluster.local/ns/*' \
  allowed_domains='weft-control-plane.weft-system.svc,weft-control-plane.weft-system.svc.cluster.local,weft-injector.weft-system.svc,weft-injector.weft-system.svc.cluster.local' \
  allow_bare_domains=true require_cn=false use_csr_common_name=false use_csr_sans=false \
  key_type=ec key_bits=256 server_flag=true client_flag=true max_ttl=24h

# The control plane signs and reads the issuers, and nothing else.
vault policy write weft - <<'END'
path "pki/sign/weft" { capabilities = ["update"] }
path "pki/issuers" { capabilities = ["list"] }
path "pki/issuer/*" { capabilities = ["read"] }
END
vault auth enable kubernetes
vault write auth/kubernetes/role/weft policies=weft audience=vault token_ttl=1h \
  bound_service_account_names=weft-control-plane bound_service_account_namespaces=weft-system
