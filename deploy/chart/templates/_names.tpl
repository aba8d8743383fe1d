{{/* Labels that a Deployment selects its pods by. They never change: a selector can't. */}}
{{- define "weft.selector" -}}
app.kubernetes.io/name: {{ .name }}
{{- end }}

{{/*
Labels as YAML: those of the values, then the chart's own, which win. .name is the component's, .root the chart's
context, .more labels between the two.
*/}}
{{- define "weft.labels" -}}
{{- $own := dict
  "app.kubernetes.io/name" .name
  "app.kubernetes.io/instance" .root.Release.Name
  "app.kubernetes.io/version" .root.Chart.AppVersion
  "app.kubernetes.io/part-of" "weft"
  "app.kubernetes.io/managed-by" .root.Release.Service
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name (.root.Chart.Version | replace "+" "_"))
-}}
{{- mergeOverwrite (dict) .root.Values.labels (.more | default dict) $own | toYaml }}
{{- end }}

{{/* Labels and annotations of an object, below `metadata:`. */}}
{{- define "weft.metadata" -}}
labels:
  {{- include "weft.labels" . | nindent 2 }}
{{- with .root.Values.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* An image's reference; .image is its name, .whole what wins over registry and tag. */}}
{{- define "weft.image" -}}
{{- $images := .root.Values.images -}}
{{- if .whole -}}
{{ .whole }}
{{- else -}}
{{ with $images.registry }}{{ trimSuffix "/" . }}/{{ end }}{{ .image }}:{{ $images.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* Namespaces that are never injected, as a list in YAML. */}}
{{- define "weft.excludedNamespaces" -}}
{{- concat (list "kube-system" "kube-public" "kube-node-lease" .Release.Namespace) .Values.injector.excludedNamespaces | uniq | toYaml }}
{{- end }}

{{/* The control plane's address for sidecars. */}}
{{- define "weft.controlPlaneHost" -}}
weft-control-plane.{{ .Release.Namespace }}.svc
{{- end }}
