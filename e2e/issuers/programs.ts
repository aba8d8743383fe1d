import { createHash } from 'node:crypto'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isCached } from '../programs/cache.ts'
import { buildGo, fetchGoModule } from '../programs/go-module.ts'
import { ensureOnMachine } from '../programs/on-machine.ts'
import { makePart, type Part } from '../programs/part.ts'
import type { Progress } from '../programs/progress.ts'

export const SPIRE = 'v1.13.3'
export const VAULT = 'v1.21.4'
export const CERT_MANAGER = 'v1.21.2'

/** What lies in its folder: the program, and a folder of its CRDs. */
export const CERT_MANAGER_PROGRAM = 'cert-manager'
export const CERT_MANAGER_CRDS = 'crds'

const SPIRE_MODULE = 'github.com/spiffe/spire'
const VAULT_MODULE = 'github.com/hashicorp/vault'
const CERT_MANAGER_MODULE = 'github.com/cert-manager/cert-manager'
const SOURCES = join(import.meta.dirname, 'go')
const VAULT_KUBERNETES = 'vault-plugin-auth-kubernetes'

/** What Vault's go.mod replaces by folders of its repository, as they are published. */
const VAULT_BESIDE = {
  [`${VAULT_MODULE}/api`]: 'v1.22.0',
  [`${VAULT_MODULE}/api/auth/approle`]: 'v0.10.0',
  [`${VAULT_MODULE}/api/auth/kubernetes`]: 'v0.10.0',
  [`${VAULT_MODULE}/api/auth/userpass`]: 'v0.10.0',
  [`${VAULT_MODULE}/sdk`]: 'v0.21.0',
}

/**
 * The SDK that this Vault was made with was never published. v0.21.0 is next to it; two functions that nothing here uses, the
 * activation of a flag and the restoring of a transit key, have another form in it.
 */
const VAULT_CHANGES = [
  {
    file: 'vault/identity_store.go',
    from: 'ActivationFunc: iStore.activateDeduplication,',
    to: 'ActivationFunc: func(ctx context.Context, req *logical.Request, _ string) error { return iStore.activateDeduplication(ctx, req) },',
  },
  {
    file: 'vault/logical_system_activation_flags.go',
    from: 'ActivationFunc(ctx, nil)',
    to: 'ActivationFunc(ctx, nil, "")',
  },
  {
    file: 'builtin/logical/transit/path_restore.go',
    from: 'restoredKeyName, err := b.lm.RestorePolicy(',
    to: 'restoredKeyName, err := keyName, b.lm.RestorePolicy(',
  },
]

const PARTS = {
  spire: { folder: `spire-${SPIRE}`, make: makeSpire },
  vault: { folder: `vault-${VAULT}`, make: makeVault },
  'cert-manager': { folder: `cert-manager-${CERT_MANAGER}-${sourceHash()}`, make: makeCertManager },
} satisfies Record<string, Part>

export type IssuerPart = keyof typeof PARTS

/** Makes the part if it is not in the cache. Its folder. Throws WeftError `programs.lack` that says what is missing. */
export function ensureIssuer(name: IssuerPart, progress: Progress): Promise<string> {
  return makePart(PARTS[name], progress)
}

/** Whether all of a part is in the cache already. */
export function isIssuerMade(name: IssuerPart): boolean {
  return isCached(PARTS[name].folder)
}

/** SPIRE's server and agent. */
function makeSpire(folder: string, progress: Progress): Promise<Record<string, string>> {
  // Its SQLite is C.
  ensureOnMachine('gcc', 'gcc', progress)
  return buildGo(
    {
      module: SPIRE_MODULE,
      version: SPIRE,
      packages: {
        [`${SPIRE_MODULE}/cmd/spire-server`]: 'spire-server',
        [`${SPIRE_MODULE}/cmd/spire-agent`]: 'spire-agent',
      },
      cgo: true,
    },
    folder,
    progress,
  )
}

/** Vault with what it builds in by `minimal`, its PKI engine among it, and the auth method `kubernetes` as a plugin. */
function makeVault(folder: string, progress: Progress): Promise<Record<string, string>> {
  return buildGo(
    {
      module: VAULT_MODULE,
      version: VAULT,
      beside: VAULT_BESIDE,
      changes: VAULT_CHANGES,
      tags: ['minimal'],
      packages: {
        [VAULT_MODULE]: 'vault',
        [`github.com/hashicorp/${VAULT_KUBERNETES}/cmd/${VAULT_KUBERNETES}`]: VAULT_KUBERNETES,
      },
    },
    folder,
    progress,
  )
}

/** Its controllers in a program of ours. */
async function makeCertManager(folder: string, progress: Progress): Promise<Record<string, string>> {
  const made = await buildGo(
    {
      module: CERT_MANAGER_MODULE,
      version: CERT_MANAGER,
      packages: { './cert-manager': CERT_MANAGER_PROGRAM },
      sources: SOURCES,
    },
    folder,
    progress,
  )
  const { Dir } = await fetchGoModule(CERT_MANAGER_MODULE, CERT_MANAGER)
  const crds = join(Dir, 'deploy/crds')
  const yaml = (path: string): boolean => path === crds || path.endsWith('.yaml')
  cpSync(crds, join(folder, CERT_MANAGER_CRDS), { recursive: true, filter: yaml })
  return made
}

/** Another source is another program. */
function sourceHash(): string {
  return createHash('sha256')
    .update(readFileSync(join(SOURCES, 'cert-manager/main.go')))
    .digest('hex')
    .slice(0, 12)
}
