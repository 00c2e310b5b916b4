//! What happens at the evaluation loop's checks: signals, the interpreter lock, the collector.

use crate::vm::{Breaker, PyResult, Vm};
use std::sync::atomic::Ordering;

impl Vm {
    /// Sees to everything that the eval breaker's bits ask for. Raises what signal handlers raise, and asynchronous exceptions.
    #[cold]
    #[inline(never)]
    pub fn handle_breaker(&self) -> PyResult<()> {
        let bits = self.breaker.load(Ordering::Relaxed);
        if bits == 0 {
            return Ok(());
        }
        if bits & Breaker::SIGNALS != 0 && self.is_main_thread() {
            self.breaker.fetch_and(!Breaker::SIGNALS, Ordering::Relaxed);
            crate::builtins::signals::run_handlers(self)?;
        }
        if bits & Breaker::PENDING_CALLS != 0 {
            self.breaker
                .fetch_and(!Breaker::PENDING_CALLS, Ordering::Relaxed);
        }
        if bits & Breaker::COLLECT != 0 {
            self.breaker.fetch_and(!Breaker::COLLECT, Ordering::Relaxed);
            // What a finalizer or callback raises is reported, not passed on.
            self.heap().collect_if_needed();
        }
        if bits & Breaker::ASYNC_EXCEPTION != 0
            && let Some(exception) = self.async_exception.take()
        {
            let mut others = false;
            self.each_thread(|vm| others |= vm.async_exception.with(Option::is_some));
            if !others {
                self.breaker
                    .fetch_and(!Breaker::ASYNC_EXCEPTION, Ordering::Relaxed);
            }
            return Err(super::unwind::do_raise(self, Some(exception), None));
        }
        if bits & Breaker::GIL_DROP != 0 {
            self.switch_threads();
        }
        if bits & Breaker::TRACE != 0 {
            super::monitor::check_current(self);
        }
        if bits & Breaker::STOP != 0 {
            return Err(self.raise(&self.types.system_exit, "the interpreter is ending"));
        }
        Ok(())
    }

    /// Whether this is the thread that the interpreter started in, which runs signal handlers.
    pub fn is_main_thread(&self) -> bool {
        self.interp
            .state
            .threads
            .with(|t| t.first().is_some_and(|&first| std::ptr::eq(first, self)))
    }
}
