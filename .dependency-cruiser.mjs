// The direction of dependencies: core <- certs <- { proxy | control-plane | injector } <- { cli, local } <- release <- e2e <- bench.
// The dashboard's page is what a browser gets; its tests stand on the control plane.
const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to })

export default {
  forbidden: [
    rule('no-circular', 'a cycle, also one of types, has no order to read it in', {}, { circular: true }),
    rule(
      'core-is-a-leaf',
      'core imports nothing of ours',
      { path: '^core/' },
      { path: '^(certs|proxy|control-plane|injector|cli|local|e2e|bench|dashboard)/' },
    ),
    rule(
      'certs-know-core-only',
      'certs sit on core',
      { path: '^certs/' },
      { path: '^(proxy|control-plane|injector|cli|local|e2e|bench|dashboard)/' },
    ),
    rule(
      'proxy-stands-alone',
      'the data plane is its own image',
      { path: '^proxy/' },
      { path: '^(control-plane|injector|cli|local|e2e|bench|dashboard)/' },
    ),
    rule(
      'control-plane-stands-alone',
      'the control plane is its own image',
      { path: '^control-plane/', pathNot: '[.]test[.]ts$' },
      { path: '^(proxy|injector|cli|local|e2e|bench|dashboard)/' },
    ),
    rule(
      'injector-stands-alone',
      'the injector is its own image',
      { path: '^injector/' },
      { path: '^(proxy|control-plane|cli|local|e2e|bench|dashboard)/' },
    ),
    rule(
      'the-product-knows-no-release',
      'what makes images and archives sits on what is in them',
      { path: '^(core|certs|proxy|control-plane|injector|cli|local)/' },
      { path: '^release/' },
    ),
    rule('nobody-imports-e2e', 'tests sit on top', { pathNot: '^(e2e|bench)/' }, { path: '^e2e/' }),
    rule(
      'nobody-imports-bench',
      'what is measured knows of no bench',
      { pathNot: '^bench/' },
      { path: '^bench/' },
    ),
    rule(
      'nobody-imports-the-dashboard',
      'the control plane serves what is built of it; only its tests run its modules, and bundles build it',
      { pathNot: '^dashboard/' },
      { path: '^dashboard/', pathNot: '^dashboard/build[.]ts$' },
    ),
    rule(
      'dashboard-page-stands-alone',
      'a browser gets the page and nothing else; core/api says what it is answered',
      { path: '^dashboard/page/' },
      { pathNot: '^(dashboard/page|core/api)/|node_modules/' },
    ),
    rule(
      'dashboard-tests-know-the-control-plane-only',
      'the dashboard is a part of the image of the control plane',
      { path: '^dashboard/(testing/|[^/]+[.]ts$)' },
      { path: '^(proxy|injector|cli|local|e2e|bench)/' },
    ),
    rule(
      'model-knows-no-wire',
      'the mesh model imports no Kubernetes and no protobuf type',
      { path: '^control-plane/model/' },
      { path: '^(control-plane/(registry|translate|xds|serve)|core/xds)/' },
    ),
    rule(
      'registry-is-first',
      'registry -> translate -> model -> xds -> serve',
      { path: '^control-plane/registry/' },
      { path: '^control-plane/(translate|xds|serve)/' },
    ),
    rule(
      'translate-before-xds',
      'registry -> translate -> model -> xds -> serve',
      { path: '^control-plane/translate/' },
      { path: '^control-plane/(xds|serve)/' },
    ),
    rule(
      'xds-before-serve',
      'registry -> translate -> model -> xds -> serve',
      { path: '^control-plane/xds/', pathNot: '[.]test[.]ts$' },
      { path: '^control-plane/serve/' },
    ),
    rule(
      'upstream-knows-no-exchange',
      'an exchange uses pools; a pool knows of no exchange',
      { path: '^proxy/upstream/' },
      { path: '^proxy/(exchange|listener)/' },
    ),
    rule(
      'runtime-sees-no-wire',
      'the runtime reads model objects, never protobuf messages or OpenTelemetry',
      {
        path: '^proxy/(model|exchange|http|http1|http2|listener|route|tcp|transport|upstream|outbound|inbound|runtime)',
        pathNot: '[.]test[.]ts$',
      },
      { path: '^(core/xds/|proxy/(xds|telemetry|admin|bootstrap)/)|node_modules/(@opentelemetry|@grpc)/' },
    ),
    rule(
      'data-path-stays-raw',
      'the data path owns its HTTP engines',
      {
        path: '^proxy/(exchange|http|http1|http2|listener|route|tcp|transport|upstream|outbound|inbound|runtime)',
        pathNot: '[.]test[.]ts$|^proxy/tcp/testing/memory-socket[.]ts$',
      },
      { path: '^(node:)?(http|http2|https|stream)$' },
    ),
    rule(
      'no-unlisted-packages',
      'every package is in package.json',
      {},
      { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    ),
    rule(
      'product-uses-no-dev-packages',
      'images carry no development packages',
      {
        path: '^(core|certs|proxy|control-plane|injector)/',
        pathNot: '[.]test[.]ts$|^core/xds/(generate|codegen)|^injector/stitch/bundle[.]ts$|/testing/',
      },
      { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: 'node_modules/@types/' },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'generated/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.d.ts'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
  },
}
