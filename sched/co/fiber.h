/* SPDX-License-Identifier: MIT */
/*
 * What the checking tools must be told about our stacks: AddressSanitizer and
 * ThreadSanitizer at every switch, valgrind once per stack. All of it compiles to nothing
 * in a plain build, except valgrind's requests (a few no-ops per new stack).
 */
#ifndef WF_CO_FIBER_H
#define WF_CO_FIBER_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define WF_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WF_ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define WF_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WF_TSAN 1
#endif
#endif

#ifdef WF_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef WF_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/memcheck.h>
#define WF_VALGRIND 1
#endif

/* One context's identity towards the sanitizers. */
struct wf_fiber {
#ifdef WF_ASAN
	const void *stack_bottom;
	size_t stack_size;
	void *fake_stack;
#endif
#ifdef WF_TSAN
	void *tsan;
#endif
	char unused; /* an empty struct is no C */
};

struct wf_co;

/* For a coroutine, before its first run. Its stack lies between bottom_of(co) and co. */
static inline void wf_fiber_init(struct wf_fiber *f, const struct wf_co *co,
				 void *(*bottom_of)(const struct wf_co *co))
{
	(void)f, (void)co, (void)bottom_of;
#ifdef WF_ASAN
	f->stack_bottom = bottom_of(co);
	f->stack_size = (size_t)((const char *)co - (const char *)f->stack_bottom);
	f->fake_stack = NULL;
	__asan_unpoison_memory_region(f->stack_bottom, f->stack_size);
#endif
#ifdef WF_TSAN
	f->tsan = __tsan_create_fiber(0);
#endif
}

/* The same for any stack. */
static inline void wf_fiber_init_at(struct wf_fiber *f, const void *bottom, size_t size)
{
	(void)f, (void)bottom, (void)size;
#ifdef WF_ASAN
	f->stack_bottom = bottom;
	f->stack_size = size;
	f->fake_stack = NULL;
	__asan_unpoison_memory_region(bottom, size);
#endif
#ifdef WF_TSAN
	f->tsan = __tsan_create_fiber(0);
#endif
}

/* Who runs now is what f stands for: before a switch of a thread that is itself simulated,
 * which may be on the stack of any of its coroutines. */
static inline void wf_fiber_note(struct wf_fiber *f)
{
	(void)f;
#ifdef WF_TSAN
	f->tsan = __tsan_get_current_fiber();
#endif
}

/* For the thread's own stack: the size is learnt at the first return to it. */
static inline void wf_fiber_init_thread(struct wf_fiber *f)
{
	(void)f;
#ifdef WF_TSAN
	f->tsan = __tsan_get_current_fiber();
#endif
}

/* After a coroutine's last run, on another stack. */
static inline void wf_fiber_fini(struct wf_fiber *f)
{
	(void)f;
#ifdef WF_TSAN
	__tsan_destroy_fiber(f->tsan);
#endif
}

/* Before stacks are unmapped: what AddressSanitizer noted of frames that never returned
 * must not be held against the next mapping of that place. */
static inline void wf_fiber_forget(const void *stacks, size_t bytes)
{
	(void)stacks, (void)bytes;
#ifdef WF_ASAN
	__asan_unpoison_memory_region(stacks, bytes);
#endif
}

/* Just before the switch. `ends`: the leaving context will never run again. */
static inline void wf_fiber_leave(struct wf_fiber *from, struct wf_fiber *to, int ends)
{
	(void)from, (void)to, (void)ends;
#ifdef WF_ASAN
	__sanitizer_start_switch_fiber(ends ? NULL : &from->fake_stack, to->stack_bottom,
				       to->stack_size);
#endif
#ifdef WF_TSAN
	/* flag 0: the switch itself orders the two fibers, as it does in one thread */
	__tsan_switch_to_fiber(to->tsan, 0);
#endif
}

/* First thing after the switch, on the new stack; `from` is the context that left. */
static inline void wf_fiber_enter(struct wf_fiber *self, struct wf_fiber *from)
{
	(void)self, (void)from;
#ifdef WF_ASAN
	const void *bottom;
	size_t size;

	__sanitizer_finish_switch_fiber(self->fake_stack, &bottom, &size);
	if (from) {
		from->stack_bottom = bottom;
		from->stack_size = size;
	}
#endif
}

static inline unsigned wf_fiber_register_stack(const void *bottom, size_t size)
{
	(void)bottom, (void)size;
#ifdef WF_VALGRIND
	return VALGRIND_STACK_REGISTER(bottom, (const char *)bottom + size - 1);
#else
	return 0;
#endif
}

/* valgrind does not see what the kernel writes at a completion. */
static inline void wf_kernel_wrote(const void *mem, size_t len)
{
	(void)mem, (void)len;
#ifdef WF_VALGRIND
	VALGRIND_MAKE_MEM_DEFINED(mem, len);
#endif
}

static inline int wf_on_valgrind(void)
{
#ifdef WF_VALGRIND
	return RUNNING_ON_VALGRIND != 0;
#else
	return 0;
#endif
}

static inline void wf_fiber_deregister_stack(unsigned id)
{
	(void)id;
#ifdef WF_VALGRIND
	VALGRIND_STACK_DEREGISTER(id);
#endif
}

#endif
