import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose'
import t from 'tap'
import { WeftError } from '../../core/errors.ts'
import { silentLogger } from '../../core/log.ts'
import { openConnection } from '../../control-plane/kubernetes/open-connection.ts'
import { KubernetesSource } from '../../control-plane/registry/kubernetes/kubernetes-source.ts'
import { tokenReviewVerifier } from '../../control-plane/serve/tokens/token-review.ts'
import { eventually } from '../demo/scenario.ts'
import { startCluster } from './cluster/cluster.ts'

const MESH = `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: web, namespace: shop }
`
const pod = (name: string) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop' },
    spec: { serviceAccountName: 'web', containers: [{ name: 'app', image: 'none' }] },
  })

t.test('tokens of pods are told from all others by a real TokenReview and the pod behind them', async (t) => {
  const cluster = await startCluster({ mode: 'api', onProgress: (line) => t.comment(line) })
  t.teardown(() => cluster.stop())
  const create = (text: string) => cluster.kubectl(['create', '--filename', '-'], { stdin: text })
  const remove = (name: string) =>
    cluster.kubectl(['delete', 'pod', name, '-n', 'shop', '--grace-period=0', '--force'])
  const token = async (name: string | undefined, ...flags: string[]) => {
    const bound = name === undefined ? [] : ['--bound-object-kind=Pod', `--bound-object-name=${name}`]
    return (await cluster.kubectl(['create', 'token', 'web', '-n', 'shop', ...bound, ...flags])).trim()
  }
  await create(MESH)
  await create(pod('web-1'))
  const connection = await openConnection({ kubeconfig: cluster.kubeconfig })
  t.teardown(() => connection.close())
  const source = new KubernetesSource({ connection, log: silentLogger })
  t.teardown(() => source.close())
  await source.synced
  const podOf = (namespace: string, name: string) => source.snapshot.value.pods.get(`${namespace}/${name}`)
  const open = () => tokenReviewVerifier({ connection, audience: 'weft', podOf })
  const verifier = open()
  const refused = async (text: string, code: string, by = verifier): Promise<void> => {
    const error: unknown = await by.verify(text).then(
      (caller) => caller,
      (reason: unknown) => reason,
    )
    if (!(error instanceof WeftError)) return void t.fail(`${code}: ${JSON.stringify(error)}`)
    t.equal(error.code, `token.${code}`, error.message)
    t.notOk(text.length > 40 && error.message.includes(text.slice(-40)))
  }

  const good = await token('web-1', '--audience=weft')
  const { pod: holder, ...account } = await verifier.verify(good)
  t.strictSame(account, { namespace: 'shop', serviceAccount: 'web' })
  t.equal(holder?.name, 'web-1')
  t.ok(await verifier.verify(await token('web-1', '--audience=weft', '--audience=vault')))

  await refused(await token('web-1'), 'audience')
  await refused(await token('web-1', '--audience=vault'), 'audience')
  await refused(await token(undefined, '--audience=weft'), 'no_pod')
  await refused('garbage', 'malformed')
  await refused(`${good.slice(0, -20)}${'A'.repeat(20)}`, 'signature')

  // The API server gives out none that are over: made here with its own key.
  const key = createPrivateKey(readFileSync(join(cluster.logs, '../pki/service-account.key'), 'utf8'))
  const { alg = 'ES256', kid } = decodeProtectedHeader(good)
  const changed = (change: Record<string, unknown>, by = key) =>
    new SignJWT({ ...decodeJwt(good), ...change })
      .setProtectedHeader({ alg, ...(kid !== undefined && { kid }) })
      .sign(by)
  const seconds = Math.floor(Date.now() / 1000)
  t.ok(await verifier.verify(await changed({ jti: 'again' })), 'so made they are as good')
  await refused(await changed({ iat: seconds - 7200, nbf: seconds - 7200, exp: seconds - 3600 }), 'expired')
  await refused(await changed({ nbf: seconds + 3600 }), 'not_yet_valid')
  await refused(await changed({}, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey), 'signature')
  await refused(await changed({ iss: 'https://elsewhere.example' }), 'signature')

  await create(pod('web-2'))
  t.ok(await verifier.verify(await token('web-2', '--audience=weft')), 'a pod that was made this moment')

  await remove('web-1')
  await eventually(30, 'the end of the pod', async () => (podOf('shop', 'web-1') ? undefined : true))
  await refused(good, 'revoked')
  await refused(good, 'revoked', open())
  await create(pod('web-1'))
  await refused(good, 'revoked')
  t.ok(await verifier.verify(await token('web-1', '--audience=weft')), 'the one after it has its own')

  await cluster.end('kube-apiserver')
  await refused(await changed({ jti: 'away' }), 'unavailable')
  await cluster.begin('kube-apiserver')
  const after = await token('web-2', '--audience=weft')
  t.ok(await verifier.verify(after), 'and it goes on when the API server is back')
})
