// A traffic router of Argo Rollouts that sets the weights of an HTTPRoute of Gateway API. It is what the test needs of one:
// the weights of the stable and of the canary Service, in every rule that has both.
package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/rollout/trafficrouting/plugin/rpc"
	"github.com/argoproj/argo-rollouts/utils/plugin/types"
	"github.com/hashicorp/go-plugin"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
)

// name is the key of its settings in a Rollout, that of the project's own plugin for Gateway API: a Rollout is the same for both.
const name = "argoproj-labs/gatewayAPI"

var httpRoutes = schema.GroupVersionResource{
	Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes",
}

type settings struct {
	HTTPRoute string `json:"httpRoute"`
	Namespace string `json:"namespace"`
}

type router struct {
	client dynamic.Interface
}

func (r *router) InitPlugin() types.RpcError {
	config, err := rest.InClusterConfig()
	if err == nil {
		r.client, err = dynamic.NewForConfig(config)
	}
	return failed(err)
}

func (r *router) Type() string { return name }

func (r *router) SetWeight(rollout *v1alpha1.Rollout, canary int32, _ []v1alpha1.WeightDestination) types.RpcError {
	return failed(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		route, in, err := r.route(rollout)
		if err != nil {
			return err
		}
		if err := setWeights(route, rollout, int64(canary)); err != nil {
			return err
		}
		_, err = r.client.Resource(httpRoutes).Namespace(in.Namespace).Update(
			context.Background(), route, metav1.UpdateOptions{},
		)
		return err
	}))
}

// route gives the HTTPRoute that a Rollout names, and what it says of it.
func (r *router) route(rollout *v1alpha1.Rollout) (*unstructured.Unstructured, settings, error) {
	its := settings{Namespace: rollout.Namespace}
	canary := rollout.Spec.Strategy.Canary
	if canary == nil || canary.TrafficRouting == nil {
		return nil, its, fmt.Errorf("the Rollout %s has no trafficRouting", rollout.Name)
	}
	if err := json.Unmarshal(canary.TrafficRouting.Plugins[name], &its); err != nil {
		return nil, its, fmt.Errorf("trafficRouting.plugins[%q] of %s: %w", name, rollout.Name, err)
	}
	route, err := r.client.Resource(httpRoutes).Namespace(its.Namespace).Get(
		context.Background(), its.HTTPRoute, metav1.GetOptions{},
	)
	return route, its, err
}

// setWeights gives the canary's Service this share of 100 and the stable one the rest, in each rule that has both.
func setWeights(route *unstructured.Unstructured, rollout *v1alpha1.Rollout, canary int64) error {
	services := map[string]int64{
		rollout.Spec.Strategy.Canary.CanaryService: canary,
		rollout.Spec.Strategy.Canary.StableService: 100 - canary,
	}
	rules, _, err := unstructured.NestedSlice(route.Object, "spec", "rules")
	if err != nil {
		return err
	}
	found := false
	for _, rule := range rules {
		backends, _, err := unstructured.NestedSlice(rule.(map[string]any), "backendRefs")
		if err != nil {
			return err
		}
		var known []map[string]any
		for _, backend := range backends {
			its := backend.(map[string]any)
			if _, is := services[its["name"].(string)]; is {
				known = append(known, its)
			}
		}
		if len(known) != len(services) {
			continue
		}
		for _, its := range known {
			its["weight"] = services[its["name"].(string)]
		}
		found = true
		rule.(map[string]any)["backendRefs"] = backends
	}
	if !found {
		return fmt.Errorf("no rule of the HTTPRoute %s has both Services of the Rollout", route.GetName())
	}
	return unstructured.SetNestedSlice(route.Object, rules, "spec", "rules")
}

func (r *router) VerifyWeight(*v1alpha1.Rollout, int32, []v1alpha1.WeightDestination) (types.RpcVerified, types.RpcError) {
	return types.NotImplemented, types.RpcError{}
}

func (r *router) UpdateHash(*v1alpha1.Rollout, string, string, []v1alpha1.WeightDestination) types.RpcError {
	return types.RpcError{}
}

func (r *router) SetHeaderRoute(*v1alpha1.Rollout, *v1alpha1.SetHeaderRoute) types.RpcError {
	return types.RpcError{ErrorString: name + ": setHeaderRoute is not done by this plugin"}
}

func (r *router) SetMirrorRoute(*v1alpha1.Rollout, *v1alpha1.SetMirrorRoute) types.RpcError {
	return types.RpcError{ErrorString: name + ": setMirrorRoute is not done by this plugin"}
}

func (r *router) RemoveManagedRoutes(*v1alpha1.Rollout) types.RpcError { return types.RpcError{} }

func failed(err error) types.RpcError {
	if err == nil {
		return types.RpcError{}
	}
	return types.RpcError{ErrorString: err.Error()}
}

func main() {
	plugin.Serve(&plugin.ServeConfig{
		// Both sides must say the same: rollout/trafficrouting/plugin/client of Argo Rollouts.
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: 1, MagicCookieKey: "ARGO_ROLLOUTS_RPC_PLUGIN", MagicCookieValue: "trafficrouter",
		},
		Plugins: map[string]plugin.Plugin{
			"RpcTrafficRouterPlugin": &rpc.RpcTrafficRouterPlugin{Impl: &router{}},
		},
	})
}
