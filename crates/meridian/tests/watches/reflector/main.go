// Follows a collection by client-go's reflector, and says on standard output all that the reflector says to its store.
//
//	reflector KUBECONFIG GROUP VERSION RESOURCE
//
// Every line is a word and an object: "add", "update", "delete"; "replace", "item" for each object of a list, and
// "replaced" after the last one. An object is "NAMESPACE/NAME UID RESOURCEVERSION GENERATION". It ends when standard
// input does.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// teller is a store that keeps nothing and tells everything.
type teller struct {
	mu  sync.Mutex
	out *bufio.Writer
}

func (t *teller) tell(word string, objects ...interface{}) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(objects) == 0 {
		fmt.Fprintln(t.out, word)
	}
	for _, object := range objects {
		o, ok := object.(*unstructured.Unstructured)
		if !ok {
			return fmt.Errorf("%s: found %T, expected an unstructured object", word, object)
		}
		fmt.Fprintf(t.out, "%s %s/%s %s %s %d\n", word, o.GetNamespace(), o.GetName(), o.GetUID(),
			o.GetResourceVersion(), o.GetGeneration())
	}
	return t.out.Flush()
}

func (t *teller) Add(object interface{}) error    { return t.tell("add", object) }
func (t *teller) Update(object interface{}) error { return t.tell("update", object) }
func (t *teller) Delete(object interface{}) error { return t.tell("delete", object) }
func (t *teller) Resync() error                   { return nil }

func (t *teller) Replace(objects []interface{}, _ string) error {
	if err := t.tell("replace"); err != nil {
		return err
	}
	if len(objects) > 0 {
		if err := t.tell("item", objects...); err != nil {
			return err
		}
	}
	return t.tell("replaced")
}

func run(arguments []string) error {
	if len(arguments) != 4 {
		return fmt.Errorf("usage: reflector KUBECONFIG GROUP VERSION RESOURCE")
	}
	config, err := clientcmd.BuildConfigFromFlags("", arguments[0])
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	resource := client.Resource(schema.GroupVersionResource{
		Group: arguments[1], Version: arguments[2], Resource: arguments[3],
	})
	lists := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return resource.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return resource.Watch(ctx, options)
		},
	}, client)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	store := &teller{out: bufio.NewWriter(os.Stdout)}
	cache.NewReflector(lists, &unstructured.Unstructured{}, store, 0).RunWithContext(ctx)
	return nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
