import t from 'tap'
import { newRoot, secretsOf } from '../testing/mesh-identity.ts'
import { WeftError } from '../../core/errors.ts'
import { readBootstrap } from './bootstrap.ts'
import { example } from './testing/examples.ts'

const root = newRoot()
const caller = secretsOf(root, 'caller')
const FILES: Readonly<Record<string, string>> = {
  '/etc/weft/tls/caller.crt': caller.certificatePem,
  '/etc/weft/tls/caller.key': caller.privateKeyPem,
  '/etc/weft/tls/ca.crt': caller.bundlePem,
}
const COMMON = 'static_resources.clusters[0].transport_socket.typed_config.common_tls_context'

function problemsOf(
  files: Readonly<Record<string, string>>,
  text = example('caller.yaml'),
  workloadIdentity = false,
): string[] {
  const result = readBootstrap(text, {
    fileName: 'p',
    workloadIdentity,
    readFile(path) {
      const content = { ...FILES, ...files }[path]
      if (content === undefined) throw new WeftError('file.read', `there is no file ${path}`)
      return content
    },
  })
  return result.ok ? [] : result.problems.map((problem) => problem.replace(/^p:\d+:\d+: /, ''))
}

t.test('files that belong together are taken', async (t) => t.same(problemsOf({}), []))

t.test('the key of another certificate', async (t) => {
  const [problem, ...more] = problemsOf({
    '/etc/weft/tls/caller.key': secretsOf(root, 'other').privateKeyPem,
  })
  const expected =
    /tls_certificates\[0\]: the certificate and the private key cannot be used \(.*key values mismatch\): give PEM files that belong together$/
  t.match(problem, expected)
  t.same(more, [])
})

t.test('a file that is no key, of which nothing is repeated', async (t) => {
  const [problem] = problemsOf({ '/etc/weft/tls/caller.key': 'SECRET WORDS' })
  t.match(problem, `${COMMON}.tls_certificates[0]: the certificate and the private key cannot be used (`)
  t.notMatch(problem, 'SECRET')
})

t.test('roots that are none', async (t) => {
  const text = `${COMMON}.validation_context.trusted_ca: the file holds no certificate in PEM: give a PEM file of CA certificates`
  t.same(problemsOf({ '/etc/weft/tls/ca.crt': 'x' }), [text])
})

t.test('a file that is not there', async (t) => {
  const text = example('caller.yaml').replace('ca.crt', 'roots.crt')
  const path = `${COMMON}.validation_context.trusted_ca.filename`
  t.same(problemsOf({}, text), [`${path}: there is no file /etc/weft/tls/roots.crt`])
})

t.test('versions that leave none', async (t) => {
  const text = example('caller.yaml').replace(
    'tls_maximum_protocol_version: TLSv1_3',
    'tls_maximum_protocol_version: TLSv1_2',
  )
  const path = `${COMMON}.tls_params.tls_maximum_protocol_version`
  t.same(problemsOf({}, text), [`${path}: leaves no version: the least one is TLSv1_3`])
})

t.test('ciphers are not chosen', async (t) => {
  const text = example('caller.yaml').replace('tls_params: {', 'tls_params: { cipher_suites: [A],')
  t.same(problemsOf({}, text), [`${COMMON}.tls_params.cipher_suites: is not supported: remove it`])
})

t.test("the mesh's secrets, where there is no mesh", async (t) => {
  const text = example('caller.yaml')
    .replace(/tls_certificates:[^]*?caller.key }/, 'tls_certificate_sds_secret_configs: [{ name: default }]')
    .replace(/validation_context:[^]*$/, 'validation_context_sds_secret_config: { name: ROOTCA }')
  const why = 'is the identity that a mesh gives, and this proxy is in none: use'
  t.same(problemsOf({}, text), [
    `${COMMON}.tls_certificate_sds_secret_configs[0]: ${why} tls_certificates`,
    `${COMMON}.validation_context_sds_secret_config: ${why} validation_context with trusted_ca`,
  ])
  t.same(problemsOf({}, text, true), [])
})
