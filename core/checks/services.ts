import type { Check } from './check.ts'

/** What is wrong with Services and their ports. */
export const SERVICE_CHECKS = {
  WEFT0201: {
    title: 'A Service that selects nothing',
    severity: 'warning',
    by: 'files',
    why: 'No pod of its namespace has the labels of its selector, so that whoever calls it gets 503.',
    remedy: 'Select by labels that pods have.',
  },
  WEFT0202: {
    title: 'A target port that no container has',
    severity: 'error',
    by: 'files',
    why: 'The Service names a port by a name that none of the containers of its pods gives, so that it has no endpoint there.',
    remedy: 'Write the name of a container port, or its number.',
  },
  WEFT0203: {
    title: 'A target port that no container declares',
    severity: 'info',
    by: 'files',
    why: 'Containers list their ports and this number is not among them. Nothing forbids it; often the number is wrong.',
    remedy: 'Correct targetPort, or list the port at the container.',
  },
  WEFT0204: {
    title: "appProtocol against the port's name",
    severity: 'warning',
    by: 'files',
    why: 'The two name different protocols. appProtocol counts; whoever reads the name is misled, other meshes among them.',
    remedy: 'Let both say the same, or take one out.',
  },
  WEFT0205: {
    title: 'A port that does not say its protocol',
    severity: 'info',
    by: 'files',
    why: 'The first bytes of each connection tell what it is. Where the server speaks first, the client waits for that, and routes of HTTP cannot be held to it.',
    remedy: 'Say it by appProtocol: http, grpc, tcp, ...',
  },
  WEFT0206: {
    title: 'An appProtocol that is not known',
    severity: 'warning',
    by: 'files',
    why: 'It decides nothing: the name of the port counts, and else the first bytes tell.',
    remedy: 'Write one that docs/protocols.md lists; tcp for bytes as they are.',
  },
  WEFT0207: {
    title: 'A port of a pod that two Services say different things of',
    severity: 'warning',
    by: 'files',
    why: 'The sidecar of the pod has one reading of a port. By one of the two Services requests are treated as something they are not.',
    remedy: 'Let both Services say the same protocol, or aim at different ports.',
  },
  WEFT0208: {
    title: 'A well-known port of another protocol that is called HTTP',
    severity: 'warning',
    by: 'files',
    why: 'Port numbers such as 5432 or 6379 are those of servers that speak no HTTP. Declared as HTTP, their connections are refused as malformed requests.',
    remedy: 'Say appProtocol: tcp, or the protocol by its name.',
  },
  WEFT0209: {
    title: 'A Service of pods with and without a sidecar',
    severity: 'warning',
    by: 'files',
    why: 'Requests to the pods without one are neither encrypted nor authorized there, and which pod a request reaches is chance.',
    remedy: 'Give all pods a sidecar, or select those that have one.',
  },
  WEFT0210: {
    title: 'A Service port without a ready endpoint',
    severity: 'warning',
    by: 'mesh',
    why: 'Whoever calls it gets 503: its pods are not ready, or are not there.',
    remedy: 'See why the pods are not ready, or scale them up.',
  },
  WEFT0211: {
    title: 'A target port that is the sidecar’s own',
    severity: 'error',
    by: 'files',
    why: 'The sidecar listens there, and the application behind it cannot be reached.',
    remedy: 'Let the application listen on another port.',
  },
  WEFT0212: {
    title: 'Two ports of one name or number in a Service',
    severity: 'error',
    by: 'files',
    why: 'Names and numbers of the ports of a Service are unique for each transport protocol; an API server refuses the Service.',
    remedy: 'Give one of them another name and number.',
  },
} as const satisfies Readonly<Record<string, Check>>
