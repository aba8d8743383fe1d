import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createRoot } from '../../certs/authority.ts'
import { parseManifests } from '../../control-plane/registry/parse-manifests.ts'
import { FakeApi } from '../../control-plane/kubernetes/testing/fake-api.ts'

const WEFT = join(import.meta.dirname, '../weft.ts')
const WEB = 'spiffe://cluster.local/ns/shop/sa/web'

async function weft(...args: string[]) {
  const child = spawn(process.execPath, [WEFT, 'identity', ...args])
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number]
  return { code, out, err }
}

const parsed = (text: string): unknown => JSON.parse(text)

/** What it writes is what the control plane takes. */
function read(t: Test, manifest: string) {
  const { objects, errors } = parseManifests('written', manifest)
  t.strictSame(errors, [])
  return objects.map(({ object }) => object)
}

t.test('against an API server', async (t) => {
  const api = await FakeApi.start(t)
  const kubeconfig = join(t.testdir({}), 'kubeconfig')
  const config = {
    'current-context': 'a',
    clusters: [{ name: 'a', cluster: { server: api.url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'a', user: {} }],
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
  }
  writeFileSync(kubeconfig, JSON.stringify(config))
  const cluster = ['--kubeconfig', kubeconfig]
  t.match(await weft('list', ...cluster), { code: 0, out: 'nothing is revoked\n' })
  t.match(await weft('revoke', 'shop/web', '--reason', 'broken into', ...cluster), {
    code: 0,
    out: `revoked ${WEB}\n`,
  })
  t.match(
    await weft('revoke', 'shop/web', '--reason', 'broken into', ...cluster),
    { code: 0 },
    'once more changes nothing',
  )
  const listed = await weft('list', '--json', ...cluster)
  t.match(parsed(listed.out), {
    revocations: [{ name: 'shop.web', identities: [WEB], reason: 'broken into' }],
  })
  t.match(await weft('restore', 'shop/web', ...cluster), { code: 0, out: `restored ${WEB}\n` })
  t.match(await weft('restore', 'shop/web', ...cluster), { code: 1, err: /is not revoked/ })
})

t.test('in a file that a mesh on one machine follows', async (t) => {
  const other = '# Kept as it is.\napiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n'
  const folder = t.testdir({
    'mesh.yaml': other,
    'leaked.pem': createRoot('cluster.local', Date.now()).certificate.toString(),
  })
  const at = ['--file', join(folder, 'mesh.yaml')]
  t.match(await weft('revoke', WEB, ...at), { code: 0 })
  t.match(await weft('revoke', '--certificate', join(folder, 'leaked.pem'), ...at), {
    code: 0,
    out: /sha256 [0-9a-f]{64}/,
  })
  t.match(await weft('revoke', '--certificate', '00:0A:1F', ...at), { code: 0, out: 'revoked serial a1f\n' })
  const written = readFileSync(join(folder, 'mesh.yaml'), 'utf8')
  t.match(written, other.trimEnd(), 'what else stands there stays')
  t.match(read(t, written).slice(1), [
    { kind: 'IdentityRevocation', meta: { namespace: 'weft-system' }, identities: [WEB] },
    { certificates: [{ sha256: /^[0-9a-f]{64}$/ }] },
    { certificates: [{ serial: 'a1f' }] },
  ])
  t.match(await weft('list', ...at), {
    code: 0,
    out: /^REVOKED .*\nspiffe:.*shop\.web\nsha256 .*\nserial a1f .*\n$/,
  })
  t.match(await weft('restore', 'shop/web', ...at), { code: 0 })
  t.equal(read(t, readFileSync(join(folder, 'mesh.yaml'), 'utf8')).length, 3)
  writeFileSync(
    join(folder, 'mesh.yaml'),
    JSON.stringify({
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'IdentityRevocation',
      metadata: { name: 'by-hand', namespace: 'weft-system' },
      spec: { identities: [WEB] },
    }),
  )
  t.match(await weft('restore', 'shop/web', ...at), {
    code: 1,
    err: /by IdentityRevocation by-hand.*edit that/,
  })
})

t.test('wrong flags are told', async (t) => {
  const wrong: readonly (readonly [args: readonly string[], err: RegExp])[] = [
    [[], /^$/],
    [['revoke'], /give an identity or --certificate/],
    [['revoke', 'shop/web', '--certificate', 'a1'], /one of the two/],
    [['revoke', 'shop'], /neither NAMESPACE\/SERVICEACCOUNT nor a SPIFFE ID/],
    [['revoke', 'spiffe://cluster.local'], /names a trust domain, not a workload/],
    [['revoke', 'shop/we b'], /not a SPIFFE ID/],
    [['revoke', '--certificate', 'none.pem'], /no file that is there, no serial number/],
    [['revoke', '--certificate', '0'.repeat(41)], /no serial number/],
    [['revoke', 'shop/web', '--trust-domain', 'A'], /--trust-domain/],
    [['remove', 'shop/web'], /remove/],
  ]
  await Promise.all(
    wrong.map(async ([args, err]) => t.match(await weft(...args), { code: 2, err }, args.join(' '))),
  )
})
