{{- define "sluice.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "sluice.operator" -}}
{{ include "sluice.name" . }}-operator
{{- end }}

{{- /* Before the names of objects that belong to no namespace: releases of one name in several namespaces have their own. */}}
{{- define "sluice.clusterName" -}}
{{ include "sluice.name" . }}{{ if .Values.watchNamespace }}-{{ .Release.Namespace }}{{ end }}
{{- end }}

{{- define "sluice.selector" -}}
app.kubernetes.io/name: sluice
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "sluice.labels" -}}
{{ include "sluice.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The annotations entry of an object's metadata, with those of all objects; nothing when there are none. */}}
{{- define "sluice.annotations" -}}
{{- $all := merge (dict) (index . 1 | default dict) (index . 0).Values.commonAnnotations }}
{{- with $all -}}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* With a digest the tag is for people only. */}}
{{- define "sluice.image" -}}
{{- $tag := .Values.image.tag }}
{{- if not .Values.image.digest }}{{ $tag = $tag | default .Chart.AppVersion }}{{ end -}}
{{ .Values.image.repository }}{{ with $tag }}:{{ . }}{{ end }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "sluice.workerSelector" -}}
matchLabels:
  app.kubernetes.io/name: sluice
matchExpressions:
  - { key: app.kubernetes.io/component, operator: In, values: [worker] }
{{- end }}

{{- /* What the policies of jobs are made with: who reads workers, whom they tell of themselves, and more rules. */}}
{{- define "sluice.jobNetworkPolicy" -}}
{{- $operator := dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" .Release.Namespace)) "podSelector" (dict "matchLabels" (include "sluice.selector" . | fromYaml)) }}
readers: {{- prepend .Values.networkPolicy.prometheus $operator | toYaml | nindent 2 }}
masters: {{- ternary (list $operator) list .Values.master.enabled | toYaml | nindent 2 }}
egress: {{- .Values.networkPolicy.jobs.egress | toYaml | nindent 2 }}
{{- end }}

{{- define "sluice.workerPlacement" -}}
{{- with .Values.workers.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.workers.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.workers.serviceAccount.annotations }}
serviceAccountAnnotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
