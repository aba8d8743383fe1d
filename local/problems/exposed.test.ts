import t from 'tap'
import { checkFile } from './check-manifests.ts'
import { exposedProblems } from './exposed.ts'

const service = (name: string) => `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec:
  ports: [{ name: http, port: 80 }, { name: grpc, port: 9090 }]
`
const { objects } = checkFile('shop.yaml', service('web'))

t.test('--expose of what is not there is told with what may be meant', async (t) => {
  t.strictSame(exposedProblems(['web.shop:80', 'web.shop:9090'], objects), [])
  t.match(exposedProblems(['wbe.shop:80'], objects), [
    {
      kind: 'Service',
      namespace: 'shop',
      name: 'wbe',
      severity: 'error',
      message: '--expose wbe.shop:80 leads nowhere: no manifest has this Service',
      remedy: 'did you mean web.shop?',
    },
  ])
  t.match(exposedProblems(['other.default:80'], objects), [{ remedy: 'there are web.shop' }])
  t.match(exposedProblems(['other.default:80'], []), [{ remedy: 'write that Service' }])
  t.match(exposedProblems(['web.shop:8080'], objects), [
    {
      file: 'shop.yaml',
      line: 5,
      field: 'spec.ports',
      message: '--expose web.shop:8080 leads nowhere: the Service has no port 8080',
      remedy: 'it has 80, 9090',
    },
  ])
})
