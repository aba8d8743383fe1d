/** Pods as a ReplicaSet creates them: an ordinary one, and one at the limits of what is written. */
export const POD_SIZES = ['ordinary', 'large'] as const
export type PodSize = (typeof POD_SIZES)[number]

const CONTAINERS: Readonly<Record<PodSize, number>> = { ordinary: 2, large: 50 }
const ANNOTATION_BYTES: Readonly<Record<PodSize, number>> = { ordinary: 0, large: 2 ** 20 }
const UID = '00000000-0000-0000-0000-000000000000'

/** The body of an AdmissionReview (admission.k8s.io/v1) as the API server sends it, for any uid of 36 characters. */
export function reviewBody(size: PodSize): (uid: string) => string {
  const text = JSON.stringify(review(size))
  const at = text.indexOf(UID)
  const [before, after] = [text.slice(0, at), text.slice(at + UID.length)]
  return (uid) => before + uid + after
}

function review(size: PodSize): object {
  const kind = { group: '', version: 'v1', kind: 'Pod' }
  const resource = { group: '', version: 'v1', resource: 'pods' }
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: UID,
      kind,
      resource,
      requestKind: kind,
      requestResource: resource,
      name: 'web-7d4b9c6f5b-x2x7k',
      namespace: 'shop',
      operation: 'CREATE',
      userInfo: {
        username: 'system:serviceaccount:kube-system:replicaset-controller',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
      },
      object: pod(size),
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    },
  }
}

function pod(size: PodSize): object {
  const containers = Array.from({ length: CONTAINERS[size] }, (_, at) => container(at))
  const note = 'n'.repeat(ANNOTATION_BYTES[size])
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-7d4b9c6f5b', controller: true }
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      generateName: 'web-7d4b9c6f5b-',
      namespace: 'shop',
      labels: { app: 'web', 'pod-template-hash': '7d4b9c6f5b' },
      annotations: { 'weft.dev/proxy-cpu-request': '100m', ...(note === '' ? {} : { note }) },
      ownerReferences: [owner],
      managedFields: [
        {
          manager: 'kube-controller-manager',
          operation: 'Update',
          apiVersion: 'v1',
          fieldsType: 'FieldsV1',
          fieldsV1: { 'f:metadata': { 'f:labels': { 'f:app': {} } }, 'f:spec': { 'f:containers': {} } },
        },
      ],
    },
    spec: {
      volumes: [{ name: 'kube-api-access-x2x7k', projected: { sources: [], defaultMode: 420 } }],
      containers,
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      serviceAccountName: 'default',
      securityContext: {},
      schedulerName: 'default-scheduler',
    },
    status: {},
  }
}

function container(at: number): object {
  const port = 8000 + at
  const timing = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 }
  return {
    name: `container-${at}`,
    image: `registry.example/shop/web-${at}:1.2.3`,
    ports: [{ name: `http-${at}`, containerPort: port, protocol: 'TCP' }],
    env: Array.from({ length: 8 }, (_, name) => ({ name: `SETTING_${name}`, value: 'some value' })),
    resources: { limits: { memory: '256Mi' }, requests: { cpu: '100m', memory: '128Mi' } },
    volumeMounts: [
      {
        name: 'kube-api-access-x2x7k',
        readOnly: true,
        mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
      },
    ],
    livenessProbe: { httpGet: { path: '/live', port, scheme: 'HTTP' }, ...timing },
    readinessProbe: { httpGet: { path: '/ready', port, scheme: 'HTTP' }, ...timing },
    imagePullPolicy: 'IfNotPresent',
  }
}
