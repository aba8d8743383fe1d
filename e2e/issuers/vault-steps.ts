import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { X509Certificate } from 'node:crypto'
import { silentLogger } from '../../core/log.ts'
import { guardedIssuer } from '../../control-plane/issuers/guarded-issuer.ts'
import type { Issuer } from '../../control-plane/issuers/issuer.ts'
import { openIssuer, type IssuerChoice } from '../../control-plane/issuers/open-issuer.ts'
import { openBundleSource } from '../../control-plane/issuers/bundle-source.ts'
import { vaultClient, type VaultClient } from '../../control-plane/issuers/vault/vault-client.ts'
import { vaultBundle, vaultIssuer } from '../../control-plane/issuers/vault/vault-issuer.ts'
import { eventually, play, type Step } from '../demo/scenario.ts'
import { API_PARTS } from '../kubernetes/programs/programs.ts'
import { DNS_NAMES, refusalOf, request, WEB } from './ask.ts'
import { VAULT } from './programs.ts'
import type { Trial } from './trial.ts'
import { VaultBed } from './vault-bed.ts'

type VaultChoice = Extract<IssuerChoice, { kind: 'vault' }>

const MOUNT = 'pki'
const ROLE = 'weft'
const PATIENCE_S = 60
const SHORT_TOKEN_S = 3

export const vaultTrial: Trial = {
  name: 'vault',
  version: VAULT,
  part: 'vault',
  clusterParts: API_PARTS,
  async play(programs, progress) {
    const bed = await VaultBed.start(programs, progress)
    try {
      return await play(vaultSteps(), bed, progress)
    } finally {
      await bed.stop()
    }
  },
}

/** What must be seen of Vault as the issuer, set up as examples/issuers/vault says. */
function vaultSteps(): readonly Step<VaultBed>[] {
  const stop = new AbortController()
  const { signal } = stop
  let issuer: Issuer | undefined

  const choice = (bed: VaultBed, change: Partial<VaultChoice> = {}): VaultChoice => ({
    kind: 'vault',
    address: bed.vault.address,
    mount: MOUNT,
    role: ROLE,
    endpoint: 'sign',
    namespace: undefined,
    caPath: bed.vault.caPath,
    login: bed.login,
    ...change,
  })
  const open = (bed: VaultBed, change: Partial<VaultChoice> = {}, waits: string[] = []): Promise<Issuer> =>
    openIssuer(choice(bed, change), {
      trustDomain: 'cluster.local',
      dnsNames: DNS_NAMES,
      log: silentLogger,
      signal,
      waiting: (reason) => waits.push(reason),
    })
  const theIssuer = (): Issuer => {
    if (!issuer) throw new Error('there is no issuer')
    return issuer
  }
  const sign = async (by = theIssuer()) => {
    const { chain, bundle } = await by.sign(request(), signal)
    const [leaf, ca] = chain as [X509Certificate, X509Certificate]
    return { leaf, ca, bundle }
  }
  /** Resolves once it signs again. */
  const signsAgain = async (by = theIssuer()) =>
    eventually(PATIENCE_S, 'it signs again', () => sign(by).catch(() => undefined))
  const refusal = async (by = theIssuer(), asked = request()) => {
    const { code, field, message } = await refusalOf(by, asked, signal)
    return `${code} ${field ?? ''}: ${message}`
  }
  const is = (observed: string, ...parts: readonly RegExp[]) => ({
    ok: parts.every((part) => part.test(observed)),
    observed,
  })

  return [
    {
      name: 'not set up',
      expected:
        'the control plane waits and says what Vault refuses; once it is set up as in examples/issuers/vault it goes on',
      async run(bed) {
        const waits: string[] = []
        const opening = open(bed, {}, waits)
        const said = await eventually(PATIENCE_S, 'Vault refuses', async () => waits[0])
        await bed.setUp()
        issuer = await opening
        return is(said, /refuses the login: (403|400|404)/)
      },
    },
    {
      name: 'certificates',
      expected: `a leaf for ${WEB} alone, and one for the names of the control plane, below an intermediate of one root, by a login with a ServiceAccount's token`,
      async run() {
        const { leaf, ca, bundle } = await sign()
        const server = (await theIssuer().sign(request({ dnsNames: DNS_NAMES }), signal)).chain[0]
        const ok =
          leaf.subjectAltName === `URI:${WEB}` &&
          leaf.verify(ca.publicKey) &&
          bundle.roots.length === 1 &&
          bundle.roots.some((root) => ca.verify(root.publicKey)) &&
          server?.subjectAltName === DNS_NAMES.map((name) => `DNS:${name}`).join(', ')
        return {
          ok,
          observed: `${leaf.subjectAltName}; ${server?.subjectAltName}; ${bundle.roots.length} root`,
        }
      },
    },
    {
      name: 'sign-verbatim',
      expected: 'what a request says is certified, with the uses of TLS',
      async run(bed) {
        await bed.allow(`path "${MOUNT}/sign-verbatim/${ROLE}" { capabilities = ["update"] }`)
        const verbatim = await open(bed, { endpoint: 'sign-verbatim' })
        try {
          const { leaf } = await sign(verbatim)
          return { ok: leaf.subjectAltName === `URI:${WEB}`, observed: leaf.subjectAltName ?? '' }
        } finally {
          verbatim.close()
        }
      },
    },
    {
      name: 'wrong role',
      expected: 'a role that is not there, and one that does not allow the name, are told by their setting',
      async run(bed) {
        await bed.allow(`path "${MOUNT}/sign/*" { capabilities = ["update"] }`)
        const nowhere = await open(bed, { role: 'nowhere' })
        const missing = await refusal(nowhere)
        nowhere.close()
        const other = { spiffeId: 'spiffe://elsewhere.example/ns/shop/sa/web' }
        const denied = await refusal(theIssuer(), request(other, undefined, 'other'))
        return is(
          `${missing} | ${denied}`,
          /^issuer\.unavailable pki\/sign\/nowhere: .*unknown role.*--vault-role/,
          /\| issuer\.refused pki\/sign\/weft: .*not valid for this role.*compare what the role allows/,
        )
      },
    },
    {
      name: 'another key',
      expected: "an answer with a key of Vault's own (its endpoint issue) is not handed on",
      async run(bed) {
        await bed.allow(`path "${MOUNT}/issue/*" { capabilities = ["update"] }`)
        const client = vaultClient(choice(bed))
        const making: VaultClient = {
          ...client,
          request: (method, path, body, until) =>
            client.request(method, path.replace('/sign/', '/issue/'), body, until),
        }
        const bundle = await openBundleSource({
          title: 'Vault',
          read: (until) => vaultBundle(client, MOUNT, until),
          log: silentLogger,
          signal,
          waiting() {},
        })
        const address = bed.vault.address
        const remote = vaultIssuer({
          client: making,
          address,
          mount: MOUNT,
          role: ROLE,
          endpoint: 'sign',
          bundle,
        })
        const wrong = guardedIssuer(remote, { log: silentLogger })
        try {
          return is(await refusal(wrong), /^issuer\.wrong_answer publicKey: is another key/)
        } finally {
          wrong.close()
        }
      },
    },
    {
      name: 'a token that is revoked',
      expected: 'the control plane logs in again, and the same request is signed',
      async run(bed) {
        const before = await bed.tokens()
        for (const accessor of before) await bed.vault.run('token', 'revoke', '-accessor', accessor)
        const { leaf } = await sign()
        const after = await bed.tokens()
        return {
          ok: before.length > 0 && after.length === 1 && !before.includes(after[0] ?? ''),
          observed: `${before.length} revoked, ${after.length} after ${leaf.subjectAltName}`,
        }
      },
    },
    {
      name: 'a token that ends',
      expected: `tokens of ${SHORT_TOKEN_S} s are replaced before they end: none of the requests meanwhile is refused`,
      async run(bed) {
        await bed.vault.run('write', `auth/kubernetes/role/${ROLE}`, `token_ttl=${SHORT_TOKEN_S}s`)
        const by = await open(bed)
        try {
          const seen = new Set<string>()
          let signed = 0
          while (seen.size < 3) {
            await sign(by)
            signed++
            for (const accessor of await bed.tokens(SHORT_TOKEN_S)) seen.add(accessor)
          }
          return { ok: true, observed: `${signed} signed by ${seen.size} tokens, none refused` }
        } finally {
          by.close()
          await bed.vault.run('write', `auth/kubernetes/role/${ROLE}`, 'token_ttl=1h')
        }
      },
    },
    {
      name: 'a token of a file',
      expected: 'one that ended is told by what to do; the next that stands there is used',
      async run(bed) {
        const path = join(bed.folder, 'token')
        const token = async () =>
          (await bed.vault.run('token', 'create', '-policy=weft', '-field=token')).trim()
        const first = await token()
        writeFileSync(path, `${first}\n`, { mode: 0o600 })
        const by = await open(bed, { login: { kind: 'token-file', path } })
        try {
          await sign(by)
          await bed.vault.run('token', 'revoke', first)
          const said = await refusal(by)
          writeFileSync(path, `${await token()}\n`)
          await signsAgain(by)
          return is(
            said,
            /^issuer\.unavailable pki\/sign\/weft: Vault answers 403: .*invalid token.*has ended or was revoked/,
          )
        } finally {
          by.close()
        }
      },
    },
    {
      name: 'another root',
      expected:
        'it is trusted beside the old one before it signs; then it signs, and the old one ends when its issuer is deleted',
      async run(bed) {
        await bed.addIssuers('next')
        const before = await sign()
        await bed.vault.run('write', `${MOUNT}/config/issuers`, 'default=signing-next')
        // Its root leads nowhere yet for one who read the issuers before: they are read again at once.
        const { ca, bundle } = await sign()
        const told = `${before.bundle.roots.length} then ${bundle.roots.length} roots, ${ca.subject}`
        for (const old of ['signing-2026', 'root-2026'])
          await bed.vault.run('delete', `${MOUNT}/issuer/${old}`)
        const reader = await open(bed)
        const left = reader.trust.value.bundle.roots.length
        reader.close()
        return {
          ok: ca.subject.includes('signing next') && bundle.roots.length === 2 && left === 1,
          observed: `${told}; ${left} after the old one was deleted`,
        }
      },
    },
    {
      name: 'the last day of a CA',
      expected: 'a leaf ends with its CA instead of being refused',
      async run(bed) {
        await bed.addIssuers('short', '30m')
        await bed.vault.run('write', `${MOUNT}/config/issuers`, 'default=signing-short')
        const { leaf, ca } = await sign()
        await bed.vault.run('write', `${MOUNT}/config/issuers`, 'default=signing-next')
        return {
          ok: leaf.validTo === ca.validTo,
          observed: `leaf until ${leaf.validTo}, CA until ${ca.validTo}`,
        }
      },
    },
    {
      name: 'sealed',
      expected: 'certificates are refused with what to do, and given again once it is unsealed',
      async run(bed) {
        await bed.vault.run('operator', 'seal')
        const said = await refusal()
        await bed.vault.unseal()
        await signsAgain()
        return is(said, /^issuer\.unavailable \S+: Vault answers 503.*unseal it/)
      },
    },
    {
      name: 'killed',
      expected: 'it does not answer; started again it is sealed; unsealed it signs, below the same root',
      async run(bed) {
        await bed.vault.end()
        const away = await refusal()
        await bed.vault.begin()
        const sealed = await eventually(PATIENCE_S, 'it says that it is sealed', async () => {
          const said = await refusal()
          return said.includes('503') ? said : undefined
        })
        await bed.vault.unseal()
        const { ca } = await signsAgain()
        stop.abort()
        issuer?.close()
        return is(
          `${away} | ${sealed} | ${ca.subject}`,
          /Vault does not answer: /,
          /unseal it/,
          /signing next/,
        )
      },
    },
  ]
}
