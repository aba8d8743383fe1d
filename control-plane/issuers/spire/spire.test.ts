import { createPublicKey } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Server,
  ServerCredentials,
  status,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { createIssuing, createRoot, DAY, issueWorkload, subjectOf } from '../../../certs/authority.ts'
import { buildCertificate } from '../../../certs/certificate.ts'
import { verifyCsr } from '../../../certs/csr-verify.ts'
import { derSequences } from '../../../certs/der.ts'
import { basicConstraints, keyUsage, subjectAltName } from '../../../certs/extensions.ts'
import { generateKey, privateKeyPem, spkiDer } from '../../../certs/key.ts'
import { certificatesPem } from '../../../certs/trust-bundle.ts'
import { createLogger } from '../../../core/log.ts'
import { WEB, workloadRequest } from '../testing/issued.ts'
import { spireIssuer } from './spire-issuer.ts'

const OWN = 'spiffe://cluster.local/ns/weft-system/sa/weft-control-plane'

/** Length-delimited fields of a protobuf message, by their number (protobuf.dev/programming-guides/encoding). */
function message(...fields: readonly (readonly [number: number, bytes: Uint8Array])[]): Buffer {
  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)]
  return Buffer.concat(
    fields.flatMap(([number, bytes]) => [
      Buffer.of((number << 3) | 2),
      Buffer.from(varint(bytes.length)),
      bytes,
    ]),
  )
}

/** What SPIRE's agent and server say, in a double of both. The real ones are tried by `npm run test:issuers`. */
async function setUp(t: Test, serverId = 'spiffe://cluster.local/spire/server') {
  const directory = mkdtempSync(join(tmpdir(), 'weft-spire-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const state = {
    root: createRoot('cluster.local', Date.now()),
    downstream: true,
    asked: 0,
    csr: Buffer.alloc(0),
  }
  const own = generateKey()
  const streams = new Set<ServerWritableStream<unknown, Buffer>>()
  const raw = {
    requestSerialize: (b: Buffer) => b,
    requestDeserialize: (b: Buffer) => b,
    responseSerialize: (b: Buffer) => b,
    responseDeserialize: (b: Buffer) => b,
  }

  const svid = () => {
    const { chain } = issueWorkload(state.root, {
      spiffeId: OWN,
      publicKey: createPublicKey(own),
      now: Date.now(),
    })
    const key = own.export({ format: 'der', type: 'pkcs8' })
    const fields = [
      [1, Buffer.from(OWN)],
      [2, Buffer.concat(chain.map((one) => one.raw))],
      [3, key],
      [4, state.root.certificate.raw],
    ] as const
    return message([1, message(...fields)])
  }
  const agent = new Server()
  agent.addService(
    {
      fetch: { path: '/SpiffeWorkloadAPI/FetchX509SVID', requestStream: false, responseStream: true, ...raw },
    },
    {
      fetch(call: ServerWritableStream<unknown, Buffer>) {
        if (call.metadata.get('workload.spiffe.io')[0] !== 'true')
          return call.emit('error', { code: status.INVALID_ARGUMENT, details: 'security header missing' })
        streams.add(call)
        call.on('cancelled', () => streams.delete(call))
        return call.write(svid())
      },
    },
  )
  const agentSocket = join(directory, 'agent.sock')
  await bind(agent, `unix:${agentSocket}`, ServerCredentials.createInsecure())
  t.teardown(() => agent.forceShutdown())

  const server = new Server()
  server.addService(
    {
      ca: {
        path: '/spire.api.server.svid.v1.SVID/NewDownstreamX509CA',
        requestStream: false,
        responseStream: false,
        ...raw,
      },
    },
    {
      ca(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
        state.asked++
        if (!state.downstream)
          return done({ code: status.PERMISSION_DENIED, details: 'caller is not a downstream' })
        const [csr] = derSequences(call.request.subarray(call.request.indexOf(0x30)), 'csr')
        state.csr = Buffer.from(csr ?? [])
        const { publicKey } = verifyCsr(state.csr)
        const certificate = buildCertificate(
          {
            issuer: subjectOf(state.root.certificate),
            subject: subjectOf(createIssuing(state.root, 'cluster.local', Date.now()).certificate),
            spki: spkiDer(publicKey),
            notBefore: Date.now() - 10_000,
            notAfter: Date.now() + DAY / 24,
            extensions: [
              basicConstraints(0),
              keyUsage('certSign'),
              subjectAltName({ uri: ['spiffe://cluster.local'] }, false),
            ],
          },
          state.root.key,
        )
        return done(null, message([1, certificate.raw], [2, state.root.certificate.raw]))
      },
    },
  )
  const key = generateKey()
  const { chain } = issueWorkload(state.root, {
    spiffeId: serverId,
    publicKey: createPublicKey(key),
    now: Date.now(),
  })
  const pair = {
    private_key: Buffer.from(privateKeyPem(key)),
    cert_chain: Buffer.from(certificatesPem(chain)),
  }
  const roots = Buffer.from(state.root.certificate.toString())
  const port = await bind(server, '127.0.0.1:0', ServerCredentials.createSsl(roots, [pair], true))
  t.teardown(() => server.forceShutdown())

  const lines: string[] = []
  const waits: string[] = []
  const stop = new AbortController()
  const open = () =>
    spireIssuer({
      agentSocket,
      server: { host: '127.0.0.1', port },
      trustDomain: 'cluster.local',
      dnsNames: ['weft-control-plane.weft-system.svc'],
      log: createLogger('test', 'info', (line) => lines.push(line)),
      signal: stop.signal,
      waiting: (reason) => waits.push(reason),
    })
  const tell = () => {
    for (const stream of streams) stream.write(svid())
  }
  return { state, open, tell, lines, waits, stop }
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) =>
    server.bindAsync(address, credentials, (error, port) => (error ? reject(error) : resolve(port))),
  )
}

t.test('an intermediate of SPIRE signs, and is asked for anew when the root changes', async (t) => {
  const { state, open, tell, lines } = await setUp(t)
  const issuer = await open()
  t.teardown(() => issuer.close())
  const { chain, bundle } = await issuer.sign(workloadRequest(), new AbortController().signal)
  t.equal(chain[0]?.subjectAltName, `URI:${WEB}`)
  t.equal(chain.length, 2)
  t.ok(chain[1]?.verify(state.root.certificate.publicKey))
  t.strictSame(
    bundle.roots.map((one) => one.fingerprint256),
    [state.root.certificate.fingerprint256],
  )
  tell()
  state.root = createRoot('cluster.local', Date.now())
  tell()
  // The server keeps the certificate of the old root: it is SPIRE's to overlap them, so this fails and is told.
  await new Promise<void>((resolve) => issuer.trouble.watch(() => resolve()))
  t.match(issuer.trouble.value, { code: 'issuer.unavailable', reason: /--spire-server: SPIRE's server/ })
  t.equal(state.asked, 1)
  t.ok(await issuer.sign(workloadRequest(), new AbortController().signal), 'the one that is there signs on')
  t.notOk(lines.some((line) => line.includes('PRIVATE')))
})

t.test('what SPIRE refuses is said while it is waited for, and waiting can end', async (t) => {
  const { state, open, waits, stop } = await setUp(t)
  state.downstream = false
  const opening = open()
  while (waits.length === 0) await new Promise((resolve) => setImmediate(resolve))
  t.match(waits[0], /PERMISSION_DENIED: "caller is not a downstream": make the entry .* a downstream one/)
  stop.abort(new Error('it ends'))
  await t.rejects(opening, /it ends/)
})

t.test('another workload of the trust domain is not taken for its server', async (t) => {
  const { open, waits, stop, state } = await setUp(t, 'spiffe://cluster.local/ns/shop/sa/web')
  const opening = open()
  while (waits.length === 0) await new Promise((resolve) => setImmediate(resolve))
  t.match(waits[0], /gives no CA/)
  t.equal(state.asked, 0)
  stop.abort(new Error('it ends'))
  await t.rejects(opening, /it ends/)
})

t.test('DER certificates that stand one after the other', async (t) => {
  const der = (length: number) => {
    const head = length < 128 ? [0x30, length] : [0x30, 0x82, length >> 8, length & 255]
    return Buffer.concat([Buffer.from(head), Buffer.alloc(length)])
  }
  t.strictSame(
    derSequences(Buffer.concat([der(5), der(300), der(0)]), 'x').map((one) => one.length),
    [7, 304, 2],
  )
  t.strictSame(derSequences(Buffer.alloc(0), 'x'), [])
  for (const wrong of ['30', '3005', '020100', '3080', '308400000001', '30820100'])
    t.throws(() => derSequences(Buffer.from(wrong, 'hex'), 'bundle'), {
      code: 'der.malformed',
      message: /bundle/,
    })
})
