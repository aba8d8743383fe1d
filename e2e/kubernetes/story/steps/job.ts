import { failuresOf, type LoadReport } from '../../../demo/scenario.ts'
import type { KubernetesStep } from '../step.ts'

const JOB = `
apiVersion: batch/v1
kind: Job
metadata: { name: calls, namespace: shop }
spec:
  backoffLimit: 0
  template:
    spec:
      serviceAccountName: client
      restartPolicy: Never
      containers:
        - name: calls
          image: weft.dev/demo:v1
          command: [node, load.ts, --url, 'http://inventory:8080/stock/{n}', --count, '20']
`

export const job: KubernetesStep = {
  name: 'job',
  expected: 'a Job in the mesh calls a STRICT service and completes, its sidecar with it',
  async run(mesh) {
    await mesh.apply(JOB)
    const wait = ['wait', '--for=condition=Complete', 'job/calls', '--namespace=shop', '--timeout=120s']
    await mesh.kubernetes.kubectl(wait)
    const logs = await mesh.kubernetes.kubectl(['logs', 'job/calls', '--namespace=shop', '--container=calls'])
    const report = JSON.parse(logs.split('\n').find((line) => line.startsWith('{')) ?? '{}') as LoadReport
    return {
      ok: report.sent === 20 && report.failed === 0,
      observed: `complete; ${failuresOf(report)}`,
    }
  },
}
