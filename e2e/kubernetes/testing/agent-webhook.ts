// A mutating webhook of somebody else, which adds a container with a probe. Run inside the cluster's network:
//   node agent-webhook.ts PORT CERT_FILE KEY_FILE
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'

const [port = '0', cert = '', key = ''] = process.argv.slice(2)

interface Review {
  readonly request: {
    readonly uid: string
    readonly object: { readonly spec: { readonly containers: readonly { readonly name: string }[] } }
  }
}

const AGENT = {
  name: 'agent',
  image: 'agent:1',
  readinessProbe: { httpGet: { path: '/healthy', port: 9000 } },
}

createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
  let text = ''
  request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  request.on('end', () => {
    const { uid, object } = (JSON.parse(text) as Review).request
    const there = object.spec.containers.some(({ name }) => name === AGENT.name)
    const patch = there ? [] : [{ op: 'add', path: '/spec/containers/0', value: AGENT }]
    const encoded = Buffer.from(JSON.stringify(patch)).toString('base64')
    const answer = { uid, allowed: true, patchType: 'JSONPatch', patch: encoded }
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer }),
    )
  })
}).listen(Number(port), '0.0.0.0', () => console.error('webhook listening'))
